import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { utf8 } from "../../src/core/index.ts";
import { parseBundle, verifyBundle } from "../../src/sigstore/index.ts";
import { startInstance, temporaryFolder } from "../instance.ts";
import { statementOf } from "../sigstore-instance.ts";
import { signBundle } from "./sigstore-sign.ts";

test("the suite's signing commands make bundles that hold for the artifact, bare and in a statement", async (t) => {
  const instance = await startInstance(t);
  const home = await temporaryFolder(t);
  const at = (name: string): string => join(home, name);
  await writeFile(at("root.json"), await instance.target("trusted_root.json"));
  await writeFile(at("config.json"), await instance.target("signing_config.v0.2.json"));
  await writeFile(at("a.txt"), "widget");
  await writeFile(at("statement.json"), statementOf(utf8("widget")));
  const given = [
    "--bundle",
    at("bundle.json"),
    "--trusted-root",
    at("root.json"),
    "--signing-config",
    at("config.json"),
  ];
  for (const rest of [[at("a.txt")], ["--in-toto", at("statement.json")]]) {
    await signBundle(["--identity-token", await instance.token(), ...given, ...rest]);
    const bundle = parseBundle(await readFile(at("bundle.json")));
    assert.equal(bundle.content.kind, rest.length === 1 ? "message" : "dsse");
    verifyBundle(bundle, {
      trust: instance.trust,
      artifact: { kind: "bytes", bytes: utf8("widget") },
      identity: { issuer: instance.url, subjectAlternativeName: instance.identity },
    });
  }
  await assert.rejects(signBundle(["--identity-token", "x", ...given, "--in-toto", at("a.txt")]), {
    code: /^core\/json/,
  });
});
