import assert from "node:assert/strict";
import { test } from "node:test";
import { serveRepository } from "./tuf-repository.ts";
import { downloadWithPythonTuf } from "./tuf-clients.ts";

test("python-tuf refreshes from a repository of ours and downloads its targets", async (t) => {
  const python = process.env["SEALWRIGHT_PEERS_PYTHON"];
  if (python === undefined) return t.skip("skipped: SEALWRIGHT_PEERS_PYTHON names no python with tuf");
  const repository = await serveRepository(Date.now());
  t.after(() => repository.close());
  const { targets } = repository;
  assert.deepEqual(await downloadWithPythonTuf(t, python, repository, [...targets.keys()]), targets);
});

test("python-tuf finds and downloads every target of a repository of ours that has them in bins", async (t) => {
  const python = process.env["SEALWRIGHT_PEERS_PYTHON"];
  if (python === undefined) return t.skip("skipped: SEALWRIGHT_PEERS_PYTHON names no python with tuf");
  const repository = await serveRepository(Date.now(), 16);
  t.after(() => repository.close());
  const { targets } = repository;
  assert.deepEqual(await downloadWithPythonTuf(t, python, repository, [...targets.keys()]), targets);
  assert.ok(repository.requests.some((path) => /^\/1\.bins4-[0-9a-f]\.json$/.test(path)));
});
