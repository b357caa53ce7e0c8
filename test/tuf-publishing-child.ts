// Publishes into a folder's repository, one target after another, until it is killed; says each that was acknowledged.
// Arguments: folder, private key of every role in PEM, a name for its targets.

import { readFileSync } from "node:fs";
import { utf8 } from "../src/core/index.ts";
import { createSigner, parsePrivateKeyPem } from "../src/crypto/index.ts";
import { openRepositoryStore } from "../src/io/repository-store.ts";
import { publish, transact } from "../src/tuf/index.ts";

const [folder, keyPath, name] = process.argv.slice(2) as [string, string, string];
const pool = [createSigner(parsePrivateKeyPem(readFileSync(keyPath, "utf8")))];
const store = await openRepositoryStore(folder);
for (let at = 0; ; at++) {
  const path = `${name}/${at}`;
  await transact(store, { operation: "publish", path }, (repository) =>
    publish(repository, { place: { add: [{ path, content: utf8(path) }] } }, { pool }, Date.now()),
  );
  process.stdout.write(`${path}\n`);
}
