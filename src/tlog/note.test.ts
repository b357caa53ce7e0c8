import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { hex, isProblem } from "../core/index.ts";
import { createSigner, generateKey } from "../crypto/index.ts";
import type { KeyType } from "../crypto/index.ts";
import {
  createNoteVerifier,
  encodeNote,
  encodeVerifierKey,
  noteKeyId,
  parseNote,
  parseVerifierKey,
  signNote,
  verifyNote,
} from "./index.ts";

// The note and key in the documentation of Go's golang.org/x/mod/sumdb/note.
const goKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const goText = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const goLine =
  "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const goNote = `${goText}\n${goLine}`;

function goVerifier(): ReturnType<typeof createNoteVerifier> {
  const { name, key } = parseVerifierKey(goKey);
  return createNoteVerifier(name, key);
}

const isInvalid = (error: unknown): boolean => isProblem(error, "tlog/note-invalid");

test("the note of Go's documentation verifies with its key", () => {
  assert.equal(verifyNote(goNote, [goVerifier()]).text, goText);
  assert.equal(encodeNote(parseNote(goNote)), goNote);
  assert.equal(encodeVerifierKey("PeterNeumann", goVerifier().key, 1), goKey);
});

test("a text changed by one letter does not verify", () => {
  const changed = goNote.replace("answer", "Answer");
  assert.throws(
    () => verifyNote(changed, [goVerifier()]),
    (error) => isProblem(error, "tlog/note-signature-invalid"),
  );
});

test("what is not in the form of a note is refused", () => {
  const bad = [
    "",
    "\n",
    "\n\n",
    goText,
    `${goText}\n`,
    goNote.slice(0, -1),
    `${goText}\n${goLine}\n`,
    `${goText}${goLine}`,
    goNote.replace("\u2014 ", "- "),
    goNote.replace("\u2014 ", "\u2014"),
    goNote.replace("\u2014 Peter", "\u2014  Peter"),
    goNote.replace("PeterNeumann ", "PeterNeumann  "),
    goNote.replace("PeterNeumann ", "Peter+Neumann "),
    goNote.replace("PeterNeumann ", "Peter\u00a0Neumann "),
    goNote.replace("PeterNeumann ", "Peter\u0085Neumann "),
    goNote.replace("JnAM=", "JnAM"),
    goNote.replace("JnAM=", "JnAN="),
    goNote.replace("JnAM=", "JnAM= "),
    `${goText}\n\u2014 PeterNeumann x08gow==\n`,
    `${goText}\n\u2014 PeterNeumann\n`,
    goNote.replace("answer", "ans\twer"),
    goNote.replace("answer", "ans\rwer"),
    goNote.replace("answer", "ans\u0000wer"),
    goNote.replace("answer", "ans\ud800wer"),
    `${goText}\n${goLine.repeat(101)}`,
    `${"a".repeat(1 << 20)}${goNote}`,
  ];
  for (const note of bad) assert.throws(() => parseNote(note), isInvalid, JSON.stringify(note.slice(0, 60)));
});

test("the text may hold empty lines; the last one ends it", () => {
  const note = parseNote(`one\n\ntwo\n\n${goLine}`);
  assert.equal(note.text, "one\n\ntwo\n");
  assert.equal(note.signatures.length, 1);
});

test("every type of key signs notes that verify, in company of unknown keys", async () => {
  for (const type of ["ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa"] as const satisfies KeyType[]) {
    const key = generateKey(type);
    const verifier = createNoteVerifier("log.example", key.publicKey);
    const stranger = { name: "other.example", signer: createSigner(generateKey("ed25519")) };
    const ours = { name: "log.example", signer: createSigner(key, verifier.scheme) };
    const note = await signNote("hello\n", [stranger, ours]);
    assert.equal(verifyNote(note, [verifier]).signatures.length, 1, type);
    assert.throws(
      () => verifyNote(note, [createNoteVerifier("log.example", generateKey(type).publicKey)]),
      (error) => isProblem(error, "tlog/note-unsigned"),
    );
    const renamed = { ...verifier, name: "log.example.org" };
    assert.throws(
      () => verifyNote(note, [renamed]),
      (error) => isProblem(error, "tlog/note-unsigned"),
    );
  }
});

test("a known key that fails refuses the note though another known key signed it", async () => {
  const [first, second] = [generateKey("ed25519"), generateKey("ed25519")];
  const signers = [first, second].map((key) => ({ name: "log.example", signer: createSigner(key) }));
  const verifiers = [first, second].map((key) => createNoteVerifier("log.example", key.publicKey));
  const note = parseNote(await signNote("hello\n", signers));
  const [good, other] = note.signatures;
  const bad = { ...other!, signature: other!.signature.map((byte) => byte ^ 1) };
  assert.equal(verifyNote(encodeNote(note), verifiers).signatures.length, 2);
  assert.throws(
    () => verifyNote(encodeNote({ ...note, signatures: [good!, bad] }), verifiers),
    (error) => isProblem(error, "tlog/note-signature-invalid"),
  );
  assert.throws(
    () => verifyNote(encodeNote({ ...note, signatures: [good!, good!] }), verifiers),
    (error) => isProblem(error, "tlog/note-duplicate"),
  );
});

test("no verifier accepts no note", () => {
  assert.throws(
    () => verifyNote(goNote, []),
    (error) => isProblem(error, "tlog/note-unsigned"),
  );
});

test("a text that a note cannot carry is not signed", async () => {
  const signer = { name: "log.example", signer: createSigner(generateKey("ed25519")) };
  for (const text of ["no newline", "", "a\tb\n"]) await assert.rejects(signNote(text, [signer]), isInvalid);
  await assert.rejects(signNote("hello\n", []), isInvalid);
  await assert.rejects(signNote("hello\n", [{ ...signer, name: "log example" }]), isInvalid);
  const wide = { name: "log.example", signer: createSigner(generateKey("ecdsa-p384")) };
  await assert.rejects(signNote("hello\n", [wide]), (error) => isProblem(error, "tlog/note-scheme"));
});

test("any text of printable lines comes back out of its note", async () => {
  const signer = { name: "log.example", signer: createSigner(generateKey("ed25519")) };
  const line = fc.string({ unit: "grapheme" }).filter((text) => !/[\u0000-\u001f]/.test(text));
  await fc.assert(
    fc.asyncProperty(fc.array(line), async (lines) => {
      const text = `${lines.join("\n")}\n`;
      assert.equal(parseNote(await signNote(text, [signer])).text, text);
    }),
    { numRuns: 50 },
  );
});

test("verifier keys of each type come back, and a wrong hint is refused", () => {
  const [ed, ec] = [generateKey("ed25519").publicKey, generateKey("ecdsa-p256").publicKey];
  for (const [key, type] of [
    [ed, 1],
    [ec, 2],
    [ed, 4],
  ] as const) {
    const text = encodeVerifierKey("log.example/x", key, type);
    const parsed = parseVerifierKey(text);
    assert.deepEqual([parsed.name, parsed.type, hex(parsed.key.spki)], ["log.example/x", type, hex(key.spki)]);
    if (type !== 4) assert.deepEqual(parsed.keyId, noteKeyId("log.example/x", key));
    const wrong = [text.replace("+", " +"), text.replace("+", "++"), `${text}\n`, text.slice(0, -4), ""];
    // The hint of an ECDSA key does not depend on the name.
    if (type !== 2) wrong.push(text.replace("log.example", "lag.example"));
    for (const each of wrong)
      assert.throws(
        () => parseVerifierKey(each),
        (error) => isProblem(error, "tlog/vkey-invalid"),
      );
  }
});
