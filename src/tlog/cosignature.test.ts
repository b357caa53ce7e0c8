import assert from "node:assert/strict";
import { test } from "node:test";
import { isProblem, utf8 } from "../core/index.ts";
import { createSigner, generateKey } from "../crypto/index.ts";
import type { PrivateKey } from "../crypto/index.ts";
import { cosignCheckpoint, encodeVerifierKey, parseNote, parsePolicy, signCheckpoint, verifyPolicy } from "./index.ts";

const now = Date.UTC(2026, 0, 1);
const origin = "log.example";
const logKey = generateKey("ed25519");
const witnessKeys = Array.from({ length: 5 }, () => generateKey("ed25519"));
const head = { origin, size: 7, root: new Uint8Array(32).fill(3), extensions: [] };

function nameOf(witness: number): string {
  return `witness.example/w${witness}`;
}

function policyText(quorum: string): string {
  const lines = witnessKeys.map((key, i) => `witness W${i} ${encodeVerifierKey(nameOf(i), key.publicKey, 4)}`);
  return `# a comment\nlog ${encodeVerifierKey(origin, logKey.publicKey, 1)} https://log.example/\n\n${lines.join("\n")}\n${quorum}\n`;
}

async function checkpointSeenBy(...witnesses: number[]): Promise<string> {
  let note = await signCheckpoint(head, [{ name: origin, signer: createSigner(logKey) }]);
  for (const each of witnesses) note = await cosignWith(note, each, witnessKeys[each]!);
  return note;
}

function cosignWith(note: string, witness: number, key: PrivateKey, timeSeconds = now / 1000): Promise<string> {
  return cosignCheckpoint(note, { name: nameOf(witness), signer: createSigner(key) }, timeSeconds);
}

const twoLevels = "group X 2 W0 W1 W2\ngroup Y any W3 W4\ngroup all-of-them all X Y\nquorum all-of-them";

test("a quorum of two levels is met by exactly the sets of witnesses that it names", async () => {
  const policy = parsePolicy(utf8(policyText(twoLevels)));
  for (let set = 0; set < 32; set++) {
    const present = [0, 1, 2, 3, 4].filter((witness) => (set & (1 << witness)) !== 0);
    const met = present.filter((w) => w < 3).length >= 2 && present.some((w) => w >= 3);
    const note = await checkpointSeenBy(...present);
    if (met) assert.equal(verifyPolicy(note, policy, now).cosignatures.length, present.length);
    else {
      assert.throws(
        () => verifyPolicy(note, policy, now),
        (error) => isProblem(error, "tlog/quorum-missing"),
      );
    }
  }
});

test("one witness alone can be the quorum, and no witness only where the policy says none", async () => {
  const one = parsePolicy(utf8(policyText("quorum W4")));
  verifyPolicy(await checkpointSeenBy(4), one, now);
  const others = await checkpointSeenBy(0, 1, 2, 3);
  assert.throws(
    () => verifyPolicy(others, one, now),
    (error) => isProblem(error, "tlog/quorum-missing"),
  );
  assert.deepEqual(
    verifyPolicy(await checkpointSeenBy(), parsePolicy(utf8(policyText("quorum none"))), now).cosignatures,
    [],
  );
});

test("the log's own signature is needed whatever the witnesses say", async () => {
  const policy = parsePolicy(utf8(policyText("quorum W0")));
  const foreign = await signCheckpoint(head, [{ name: origin, signer: createSigner(generateKey("ed25519")) }]);
  const note = await cosignWith(foreign, 0, witnessKeys[0]!);
  assert.throws(
    () => verifyPolicy(note, policy, now),
    (error) => isProblem(error, "tlog/note-unsigned"),
  );
  const elsewhere = await signCheckpoint({ ...head, origin: "other.example" }, [
    { name: "other.example", signer: createSigner(logKey) },
  ]);
  assert.throws(
    () => verifyPolicy(elsewhere, policy, now),
    (error) => isProblem(error, "tlog/policy-no-log"),
  );
});

test("a witness's line that is forged, repeated, or from the future refuses the checkpoint", async () => {
  const policy = parsePolicy(utf8(policyText("quorum W0")));
  const note = await checkpointSeenBy(0);
  const line = note.slice(note.lastIndexOf("\u2014"));
  assert.throws(
    () => verifyPolicy(note + line, policy, now),
    (error) => isProblem(error, "tlog/note-duplicate"),
  );
  // The time is under the signature.
  const bytes = Buffer.from(line.trim().split(" ")[2]!, "base64");
  bytes[11] = bytes[11]! ^ 1;
  const retimed = `${note.slice(0, note.lastIndexOf("\u2014"))}\u2014 ${nameOf(0)} ${bytes.toString("base64")}\n`;
  assert.throws(
    () => verifyPolicy(retimed, policy, now),
    (error) => isProblem(error, "tlog/note-signature-invalid"),
  );
  const future = await cosignWith(await checkpointSeenBy(), 0, witnessKeys[0]!, now / 1000 + 600);
  assert.throws(
    () => verifyPolicy(future, policy, now),
    (error) => isProblem(error, "tlog/cosignature-future"),
  );
});

test("the log's key cannot stand in for a witness: the two kinds of line differ", async () => {
  const text = `log ${encodeVerifierKey(origin, logKey.publicKey, 1)}\nwitness W ${encodeVerifierKey(origin, logKey.publicKey, 4)}\nquorum W\n`;
  const policy = parsePolicy(utf8(text));
  const note = await checkpointSeenBy();
  assert.equal(parseNote(note).signatures.length, 1);
  assert.throws(
    () => verifyPolicy(note, policy, now),
    (error) => isProblem(error, "tlog/quorum-missing"),
  );
});

test("a policy that breaks a rule of the format is refused", () => {
  const log = `log ${encodeVerifierKey(origin, logKey.publicKey, 1)}`;
  const witness = `witness W ${encodeVerifierKey(nameOf(0), witnessKeys[0]!.publicKey, 4)}`;
  parsePolicy(utf8(` ${log} \n\t${witness}\thttps://witness.example/\n#\ngroup G 1 W\nquorum G\n`));
  const bad = [
    "",
    `${log}\n`,
    `${log}\nquorum W\n${witness}\n`,
    `${log}\nquorum none\nquorum none\n`,
    `${log}\nquorum none`,
    `${log}\n${log}\nquorum none\n`,
    `${witness}\n${witness}\nquorum W\n`,
    `${witness}\n${witness.replace("W ", "V ")}\nquorum W\n`,
    `${witness.replace("W ", "none ")}\nquorum none\n`,
    `${witness}\ngroup G 0 W\nquorum G\n`,
    `${witness}\ngroup G 2 W\nquorum G\n`,
    `${witness}\ngroup G 01 W\nquorum G\n`,
    `${witness}\ngroup G all\nquorum G\n`,
    `${witness}\ngroup G any W W\nquorum G\n`,
    `${witness}\ngroup G any W\ngroup H any W\nquorum G\n`,
    `${witness}\ngroup G any G\nquorum G\n`,
    `${witness}\ngroup W any W\nquorum W\n`,
    `${witness}\ngroup G any none\nquorum G\n`,
    `witness W ${encodeVerifierKey(nameOf(0), witnessKeys[0]!.publicKey, 1)}\nquorum W\n`,
    `log ${encodeVerifierKey(origin, logKey.publicKey, 4)}\nquorum none\n`,
    `witness W ${encodeVerifierKey(nameOf(0), witnessKeys[0]!.publicKey, 4).replace("/w0", "/w1")}\nquorum W\n`,
    `threshold 1\nquorum none\n`,
    `quorum none\r\n`,
    `quorum\n`,
    `quorum none none\n`,
  ];
  for (const text of bad) {
    assert.throws(
      () => parsePolicy(utf8(text)),
      (error) => isProblem(error, "tlog/policy-invalid"),
      JSON.stringify(text),
    );
  }
});
