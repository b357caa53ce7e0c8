import assert from "node:assert/strict";
import { createHash, verify } from "node:crypto";
import { test } from "node:test";
import { isProblem } from "../core/index.ts";
import { createSigner, encodePublicKeyPem, generateKey } from "../crypto/index.ts";
import { createRfc6962Note, encodeNote, parseNote, signCheckpoint, verifyRfc6962Note } from "./index.ts";

const origin = "ct.example/2026";
const head = { origin, size: 2 ** 33 + 5, root: new Uint8Array(32).fill(3), extensions: [] };
const timestampMs = 1_767_225_600_123;

test("a CT log's checkpoint verifies with its key and gives the time of the signature", async () => {
  for (const type of ["ecdsa-p256", "rsa"] as const) {
    const key = generateKey(type);
    const note = await createRfc6962Note(head, createSigner(key), timestampMs);
    const { checkpoint, timestampMs: time } = verifyRfc6962Note(note, { name: origin, key: key.publicKey });
    assert.deepEqual([checkpoint.size, checkpoint.root, time], [head.size, head.root, timestampMs]);
  }
});

test("the bytes of the line are those of static-ct-api and RFC 6962, built by hand", async () => {
  const key = generateKey("ecdsa-p256");
  const [line] = parseNote(await createRfc6962Note(head, createSigner(key), timestampMs)).signatures;
  const logId = createHash("sha256").update(key.publicKey.spki).digest();
  const keyId = createHash("sha256").update(`${origin}\n\u0005`).update(logId).digest();
  assert.deepEqual(Buffer.from(line!.hint), keyId.subarray(0, 4));
  const blob = Buffer.from(line!.signature);
  assert.equal(blob.readBigUInt64BE(0), BigInt(timestampMs));
  assert.deepEqual([...blob.subarray(8, 10)], [4, 3]);
  assert.equal(blob.readUInt16BE(10), blob.length - 12);
  const message = Buffer.alloc(50);
  message[1] = 1;
  message.writeBigUInt64BE(BigInt(timestampMs), 2);
  message.writeBigUInt64BE(BigInt(head.size), 10);
  message.set(head.root, 18);
  assert.ok(verify("sha256", message, encodePublicKeyPem(key.publicKey), blob.subarray(12)));
});

test("another head, another time, another algorithm or bytes after the signature do not verify", async () => {
  const key = generateKey("ecdsa-p256");
  const verifier = { name: origin, key: key.publicKey };
  const note = parseNote(await createRfc6962Note(head, createSigner(key), timestampMs));
  const line = note.signatures[0]!;
  const changedAt = (at: number): string => {
    const signature = line.signature.slice();
    signature[at] = signature[at]! ^ 1;
    return encodeNote({ ...note, signatures: [{ ...line, signature }] });
  };
  const longer = { ...line, signature: Uint8Array.of(...line.signature, 0) };
  const bad = [0, 7, 8, 9, 11, 20].map(changedAt);
  bad.push(encodeNote({ ...note, signatures: [longer] }));
  bad.push(encodeNote({ ...note, text: note.text.replace("8589934597", "8589934598") }));
  for (const text of bad) {
    assert.throws(
      () => verifyRfc6962Note(text, verifier),
      (error) => isProblem(error, "tlog/note-signature-invalid"),
    );
  }
  const plain = await signCheckpoint(head, [{ name: origin, signer: createSigner(key) }]);
  assert.throws(
    () => verifyRfc6962Note(plain, verifier),
    (error) => isProblem(error, "tlog/note-unsigned"),
  );
});

test("what the signature does not cover may not be there: extension lines and another origin", async () => {
  const key = generateKey("ecdsa-p256");
  const verifier = { name: origin, key: key.publicKey };
  const note = parseNote(await createRfc6962Note(head, createSigner(key), timestampMs));
  assert.throws(
    () => verifyRfc6962Note(encodeNote({ ...note, text: `${note.text}extension\n` }), verifier),
    (error) => isProblem(error, "tlog/checkpoint-invalid"),
  );
  assert.throws(
    () => verifyRfc6962Note(encodeNote({ ...note, text: note.text.replace(origin, "ct.example") }), verifier),
    (error) => isProblem(error, "tlog/checkpoint-origin"),
  );
});

test("a key that RFC 6962 does not know makes no checkpoint", async () => {
  for (const type of ["ed25519", "ecdsa-p384"] as const) {
    await assert.rejects(createRfc6962Note(head, createSigner(generateKey(type)), timestampMs), (error) =>
      isProblem(error, "tlog/note-scheme"),
    );
  }
});
