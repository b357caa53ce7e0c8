import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { vectors } from "../../test/vectors.ts";
import { fromUtf8, isProblem, utf8 } from "../core/index.ts";
import { encodePem } from "../crypto/index.ts";
import {
  gitSignatureLabel,
  parseGitSignature,
  parseSignedGitObject,
  parseTrustedRoot,
  prepareTrust,
  type VerifiedBundle,
  verifyGitSignature,
} from "./index.ts";

const armour = `-----BEGIN ${gitSignatureLabel}-----\nAAAA\n-----END ${gitSignatureLabel}-----\n`;
const header = (name: string): string => `${name} ${armour.trimEnd().replaceAll("\n", "\n ")}\n`;
const begin = "tree t\nparent p\nparent q\nauthor a <a@example.com> 1 +0000\ncommitter c <c@example.com> 1 +0000\n";
const tagBegin = "object o\ntype commit\ntag v1\ntagger t <t@example.com> 1 +0000\n";

function parse(type: "commit" | "tag", text: string, format: "sha1" | "sha256" = "sha1") {
  const { payload, signature, tagName } = parseSignedGitObject(type, utf8(text), format);
  return { payload: fromUtf8(payload), signature: fromUtf8(signature), tagName };
}

function refused(type: "commit" | "tag", text: string, code = "git/object-invalid"): void {
  assert.throws(
    () => parse(type, text),
    (error) => {
      assert(isProblem(error), String(error));
      assert.equal(error.code, code, text);
      return true;
    },
  );
}

test("a commit's payload is its bytes without its signature, wherever among the headers that stands", () => {
  const tail = "\nmessage\n\ngpgsig in the message\n";
  const mergetag = "mergetag object o\n type commit\n gpgsig not this one\n";
  for (const [before, after] of [
    ["", ""],
    [`encoding ISO-8859-1\n`, ""],
    [mergetag, `${mergetag}HG:extra x\n`],
  ] as const) {
    const { payload, signature } = parse("commit", `${begin}${before}${header("gpgsig")}${after}${tail}`);
    assert.equal(payload, `${begin}${before}${after}${tail}`);
    assert.equal(signature, armour.trimEnd());
  }
});

test("of two signatures the one of the repository's object format counts, and neither is part of the payload", () => {
  const other = header("gpgsig-sha256").replace("AAAA", "BBBB");
  const text = `${begin}${header("gpgsig")}${other}\nmessage\n`;
  assert.deepEqual(
    (["sha1", "sha256"] as const).map((format) => parse("commit", text, format).signature.includes("AAAA")),
    [true, false],
  );
  assert.equal(parse("commit", text, "sha256").payload, `${begin}\nmessage\n`);
  refused("commit", `${begin}${other}\nmessage\n`, "git/unsigned");
});

test("a tag's payload ends where its signature begins, and its name is what it calls itself", () => {
  const { payload, signature, tagName } = parse("tag", `${tagBegin}\nmessage\n${armour}`);
  assert.deepEqual([payload, signature, tagName], [`${tagBegin}\nmessage\n`, armour, "v1"]);
  refused("tag", `${tagBegin}\nmessage\n`, "git/unsigned");
  refused("tag", `${tagBegin}\nmessage\n${armour}${armour}`);
  refused("tag", `${tagBegin}\n-----BEGIN PGP SIGNATURE-----\n${armour}`);
  refused("tag", `${tagBegin}\nmessage\n-----BEGIN PGP SIGNATURE-----\n`, "git/signature-unsupported");
});

test("headers twice, out of place, without a name or a value, or without an end are refused", () => {
  const signed = `${header("gpgsig")}\nmessage\n`;
  for (const text of [
    `tree t\n${begin}${signed}`,
    `${begin}tree t\n${signed}`,
    `${begin}parent r\n${signed}`,
    `${begin}author b\n${signed}`,
    `${begin}encoding x\nencoding y\n${signed}`,
    `${begin}${header("gpgsig")}${signed}`,
    `${begin.replace("parent p\n", "")}${begin}${signed}`,
    begin.replace("tree t\n", "") + signed,
    `${begin}nameless\n${signed}`,
    ` ${begin}${signed}`,
    `${begin}${header("gpgsig")}`,
    `${begin}${signed}\0`,
    "",
  ])
    refused("commit", text);
  for (const text of [
    `${tagBegin}tag v2\n\n${armour}`,
    `tag v2\n${tagBegin}\n${armour}`,
    `${tagBegin}tagger t\n\n${armour}`,
    `object o\ntag v1\n\n${armour}`,
  ])
    refused("tag", text);
});

test("random bytes and texts as a signature or an object throw nothing but Problems", () => {
  const onlyProblems = (run: () => unknown): void => {
    try {
      run();
    } catch (error) {
      if (!isProblem(error)) throw error;
    }
  };
  const known = [...begin.split("\n"), ...tagBegin.split("\n"), ...header("gpgsig").split("\n"), ...armour.split("\n")];
  const line = fc.oneof(fc.constantFrom(...known, " ", "mergetag x"), fc.string({ maxLength: 12 }));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 16 }), fc.uint8Array({ minLength: 1, maxLength: 60 }), (lines, bytes) => {
      const text = utf8(lines.join("\n"));
      for (const type of ["commit", "tag"] as const)
        for (const each of [text, bytes]) onlyProblems(() => parseSignedGitObject(type, each, "sha1"));
      for (const each of [text, bytes, utf8(encodePem(gitSignatureLabel, bytes))])
        onlyProblems(() => parseGitSignature(each));
    }),
    { numRuns: 1000 },
  );
});

test("commits that gitsign signed under the public instance verify offline, and those it logs elsewhere do not", (t) => {
  const folder = vectors(t, join("sigstore", "gitsign"));
  const root = vectors(t, join("sigstore", "public-good", "trusted_root.json"));
  if (folder === undefined || root === undefined) return;
  const trust = prepareTrust(parseTrustedRoot(readFileSync(root)));
  const verifyFile = (name: string): VerifiedBundle => {
    const object = parseSignedGitObject("commit", readFileSync(join(folder, name)), "sha1");
    const expected = { subjectAlternativeName: "billy@chainguard.dev", issuer: "https://accounts.google.com" };
    return verifyGitSignature(object.payload, parseGitSignature(object.signature), { trust, identity: expected });
  };
  assert.equal(verifyFile("offline.commit").logEntries[0]!.logIndex, 22_784_639);
  assert.throws(
    () => verifyFile("online.commit"),
    (error) => isProblem(error, "sigstore/git-log-entry-missing"),
  );
});
