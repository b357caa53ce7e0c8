import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { test } from "node:test";
import { describeToolchain, toolchainPaths } from "./toolchain.ts";

test("the toolchain names the running node by its digest, and the same tools have the same digest", () => {
  const toolchain = describeToolchain();
  const node = realpathSync(process.execPath);
  const tools = toolchain.manifest["tools"] as readonly {
    name: string;
    path: string;
    sha256: string;
    version?: string;
  }[];
  const entry = tools.find((each) => each.name === "node")!;
  assert.deepEqual(entry, {
    name: "node",
    path: node,
    sha256: createHash("sha256").update(readFileSync(node)).digest("hex"),
    version: process.version,
  });
  assert.deepEqual(tools.map((each) => each.name).slice(0, 1), ["node"]);
  assert.equal(describeToolchain().sha256, toolchain.sha256);
});

test("the search path finds the node that runs this", () => {
  const { searchPath } = describeToolchain();
  const found = execFileSync("/bin/sh", ["-c", "command -v node"], { env: { PATH: searchPath }, encoding: "utf8" });
  assert.equal(realpathSync(found.trim()), realpathSync(process.execPath));
});

test("no home and no root is handed to a step as part of the toolchain", () => {
  for (const path of toolchainPaths()) assert.ok(!["/", "/home", "/root", process.env["HOME"]].includes(path), path);
});
