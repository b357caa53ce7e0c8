// Every folder here is a case: a repository as it is at each step, and what a client has to make of it. The name of one
// that a client must refuse ends with `_fail`. generate.ts has made them.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isProblem } from "../../../src/core/index.ts";
import { createMemoryStore, update, type TufClient, type TufFetcher } from "../../../src/tuf/index.ts";
import type { Step } from "./case-world.ts";

type Written = Step & { readonly time: string; readonly removed?: readonly string[] };

const names = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

function below(folder: string, prefix = ""): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? below(join(folder, entry.name), `${prefix}${entry.name}/`) : [`${prefix}${entry.name}`],
  );
}

async function outcomeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    return (await run()) === undefined ? "none" : "ok";
  } catch (error) {
    if (isProblem(error)) return error.code;
    throw error;
  }
}

const half = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, bytes.length / 2);

for (const name of names) {
  const folder = join(import.meta.dirname, name);
  const { about, steps } = JSON.parse(readFileSync(join(folder, "case.json"), "utf8")) as {
    about: string;
    steps: readonly Written[];
  };
  test(`${name}: ${about}`, async () => {
    const bootstrap = readFileSync(join(folder, "root.json"));
    const served = new Map<string, Uint8Array>();
    const stored = new Map<string, Uint8Array>();
    const fetcher: TufFetcher = { fetch: async (path) => served.get(path) };
    let isRefused = false;
    for (const [index, step] of steps.entries()) {
      const at = join(folder, String(index + 1));
      for (const path of below(at)) served.set(path, readFileSync(join(at, path)));
      for (const path of step.removed ?? []) served.delete(path);
      for (const file of step.cut ?? []) stored.set(file, half(stored.get(file)!));
      for (const [file, text] of Object.entries(step.put ?? {})) stored.set(file, Buffer.from(text));
      let client: TufClient | undefined;
      const outcome = await outcomeOf(async () => {
        client = await update({
          bootstrap,
          fetcher,
          store: createMemoryStore(stored),
          now: Date.parse(step.time),
          limits: step.limits ?? {},
        });
        return client;
      });
      assert.equal(outcome, step.outcome, `step ${index + 1}`);
      isRefused ||= outcome !== "ok";
      for (const [path, expected] of Object.entries(step.find ?? {})) {
        const found = await outcomeOf(async () => {
          const target = await client!.findTarget(path);
          return target && (await client!.download(target));
        });
        assert.equal(found, expected, `step ${index + 1}: ${path}`);
        isRefused ||= found.includes("/");
      }
      for (const [file, version] of Object.entries(step.stored ?? {})) {
        const bytes = stored.get(file);
        assert.equal(
          bytes === undefined ? null : JSON.parse(Buffer.from(bytes).toString()).signed.version,
          version,
          file,
        );
      }
    }
    assert.equal(isRefused, name.endsWith("_fail"), "the name of a case says whether anything is refused");
  });
}

test("there are cases", () => assert.ok(names.length >= 60, String(names.length)));
