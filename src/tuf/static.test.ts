import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { vectors } from "../../test/vectors.ts";
import { createFolderFetcher } from "../io/tuf-fetcher.ts";
import { createMemoryStore, parseRoot, update } from "./index.ts";
import { verifyBootstrapRoot, verifyNextRoot } from "./verify.ts";

async function open(
  t: TestContext,
  name: string,
  root?: string,
): Promise<{ now: number; path: string; bootstrap: Uint8Array; folder: string } | undefined> {
  const set = vectors(t, "tuf/static");
  if (set === undefined) return undefined;
  const folder = join(set, name);
  const text = async (file: string): Promise<string> => (await readFile(join(folder, file), "utf8")).trim();
  const now = Date.parse((await text("faketime")).replace(" ", "T"));
  const bootstrap = new Uint8Array(await readFile(join(folder, root ?? "initial_root.json")));
  return { now, path: await text("targetpath"), bootstrap, folder };
}

for (const name of ["sigstore-root-signing", "tuf-on-ci-0.11"]) {
  test(`the public repository ${name} is followed and a target downloaded from it`, async (t) => {
    const repository = await open(t, name);
    if (repository === undefined) return;
    const { now, path, bootstrap, folder } = repository;
    const client = await update({
      bootstrap,
      fetcher: createFolderFetcher(join(folder, "metadata")),
      targetFetcher: createFolderFetcher(join(folder, "targets")),
      store: createMemoryStore(),
      now,
    });
    const target = await client.findTarget(path);
    assert.equal((await client.download(target!)).length, target!.length);
  });
}

test("the roots of Sigstore from version 4 on form a chain, with their historic key types and encodings", async (t) => {
  const repository = await open(t, "sigstore-root-signing", "metadata/4.root.json");
  if (repository === undefined) return;
  let root = verifyBootstrapRoot(parseRoot(repository.bootstrap, 512_000));
  for (let version = 5; version <= 12; version++) {
    const bytes = new Uint8Array(await readFile(join(repository.folder, "metadata", `${version}.root.json`)));
    root = verifyNextRoot(root, parseRoot(bytes, 512_000));
  }
  assert.equal(root.signed.version, 12);
});
