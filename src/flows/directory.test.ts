import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fromUtf8, utf8 } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import { signingAt } from "../../test/images.ts";
import { type RunningInstance, startInstance } from "../../test/instance.ts";
import { folderSignatureType, folderStatement, maxFolderFiles, verifyFolder } from "./directory.ts";

let instance: RunningInstance;
before(async () => {
  instance = await startInstance();
});
after(() => instance.close());

const sha256 = (text: string): string => digestHex("sha256", utf8(text));
const files = new Map([
  ["src/main.c", sha256("main")],
  ["README", sha256("read me")],
]);

test("the statement names every file in the order of their paths, whatever order they were found in", () => {
  const statement = JSON.parse(fromUtf8(folderStatement(files))) as {
    predicateType: string;
    subject: { name: string }[];
  };
  assert.equal(statement.predicateType, folderSignatureType);
  assert.deepEqual(
    statement.subject.map(({ name }) => name),
    ["README", "src/main.c"],
  );
  assert.deepEqual(folderStatement(files), folderStatement(new Map([...files].reverse())));
});

test("an empty folder and one of too many files are refused", () => {
  assert.throws(() => folderStatement(new Map()), { code: "folder/empty" });
  const many = new Map(Array.from({ length: maxFolderFiles + 1 }, (_, at) => [`file-${at}`, sha256("x")]));
  assert.throws(() => folderStatement(many), { code: "folder/too-many-files" });
});

test("a folder verifies as it was signed, and not with a file more, less, changed or renamed", async () => {
  const bundle = await (await signingAt(instance)).signStatement(folderStatement(files));
  const identity = { issuer: instance.url, subjectAlternativeName: instance.identity };
  const verify = (given: ReadonlyMap<string, string>) =>
    verifyFolder(given, bundle, { trust: instance.trust, identity });
  assert.equal(verify(files).content.kind, "envelope");
  const [first, second] = [...files] as [[string, string], [string, string]];
  const forms = [
    new Map([...files, ["extra", sha256("extra")]]),
    new Map([second]),
    new Map([first, ["README", sha256("changed")]]),
    new Map([first, ["readme", second[1]]]),
    new Map([
      ["src/main.c", second[1]],
      ["README", first[1]],
    ]),
  ] as const;
  for (const form of forms)
    assert.throws(() => verify(form), { code: /^(folder\/mismatch|sigstore\/subject-mismatch)$/ });
  assert.throws(() => verify(new Map()), { code: "folder/empty" });
  const stranger = { issuer: instance.url, subjectAlternativeName: "https://example.com/other" };
  assert.throws(() => verifyFolder(files, bundle, { trust: instance.trust, identity: stranger }), {
    code: "sigstore/identity-mismatch",
  });
});

test("an attestation about the same files is no signature of the folder, unless it is asked for", async () => {
  const other = { predicateType: "https://example.com/review", predicate: {} };
  const bundle = await (await signingAt(instance)).signStatement(folderStatement(files, other));
  const identity = { issuer: instance.url, subjectAlternativeName: instance.identity };
  const common = { trust: instance.trust, identity };
  assert.throws(() => verifyFolder(files, bundle, common), { code: "sigstore/predicate-type-mismatch" });
  verifyFolder(files, bundle, { ...common, predicateType: other.predicateType });
});
