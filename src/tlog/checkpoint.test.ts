import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { vectors } from "../../test/vectors.ts";
import { hex, isProblem } from "../core/index.ts";
import { createSigner, generateKey, parsePublicKey } from "../crypto/index.ts";
import type { PublicKey } from "../crypto/index.ts";
import {
  createNoteVerifier,
  createWitness,
  encodeCheckpoint,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  signCheckpoint,
  verifyCheckpoint,
  verifyCosignatures,
} from "./index.ts";

// A tree head of Go's checksum database, whose origin is not the name of its key.
const goKey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
const goNote =
  "go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n\n" +
  "\u2014 sum.golang.org Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=\n";

test("a tree head of Go's checksum database verifies for its origin alone", () => {
  const { name, key } = parseVerifierKey(goKey);
  const verifier = createNoteVerifier(name, key);
  const isGo = (origin: string): boolean => origin === "go.sum database tree";
  assert.equal(verifyCheckpoint(goNote, verifier, isGo).size, 6_476_701);
  assert.throws(
    () => verifyCheckpoint(goNote, verifier),
    (error) => isProblem(error, "tlog/checkpoint-origin"),
  );
});

test("a text that is no checkpoint is refused", () => {
  const root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
  assert.equal(parseCheckpoint(`log.example\n0\n${root}\n`).size, 0);
  assert.deepEqual(parseCheckpoint(`log.example\n7\n${root}\nan extension\n`).extensions, ["an extension"]);
  const bad = [
    `log.example\n7\n${root}`,
    `\n7\n${root}\n`,
    `log.example\n07\n${root}\n`,
    `log.example\n-7\n${root}\n`,
    `log.example\n+7\n${root}\n`,
    `log.example\n7.0\n${root}\n`,
    `log.example\n 7\n${root}\n`,
    `log.example\n9007199254740992\n${root}\n`,
    `log.example\n99999999999999999999\n${root}\n`,
    `log.example\n7\n${root.slice(1)}\n`,
    `log.example\n7\n${root.slice(0, -4)}\n`,
    `log.example\n7\n${root} \n`,
    `log.example\n7\n${root}\n\n`,
    `log.example\n7\n${root}\n\nx\n`,
    `log.example\n7\n`,
    `7\n${root}\n`,
    "",
    "\n",
  ];
  for (const text of bad) {
    assert.throws(
      () => parseCheckpoint(text),
      (error) => isProblem(error, "tlog/checkpoint-invalid"),
      JSON.stringify(text),
    );
  }
});

test("a checkpoint that could not be read again is not written", () => {
  const good = { origin: "log.example", size: 7, root: new Uint8Array(32), extensions: [] };
  assert.deepEqual(parseCheckpoint(encodeCheckpoint(good)), good);
  const bad = [
    { origin: "" },
    { origin: "a\nb" },
    { size: -1 },
    { size: 2 ** 53 },
    { root: new Uint8Array(31) },
    { extensions: [""] },
    { extensions: ["a\n"] },
  ];
  for (const each of bad) {
    assert.throws(
      () => encodeCheckpoint({ ...good, ...each }),
      (error) => isProblem(error, "tlog/checkpoint-invalid"),
    );
  }
});

test("a checkpoint that is created verifies with the log's key and with no other", async () => {
  const key = generateKey("ed25519");
  const head = { origin: "log.example", size: 7, root: new Uint8Array(32).fill(3), extensions: [] };
  const note = await signCheckpoint(head, [{ name: "log.example", signer: createSigner(key) }]);
  const checkpoint = verifyCheckpoint(note, createNoteVerifier("log.example", key.publicKey));
  assert.deepEqual([checkpoint.size, hex(checkpoint.root)], [7, hex(head.root)]);
  const other = createNoteVerifier("log.example", generateKey("ed25519").publicKey);
  assert.throws(() => verifyCheckpoint(note, other), isProblem);
});

interface BundleFile {
  readonly verificationMaterial: {
    readonly tlogEntries: readonly {
      readonly inclusionProof?: { readonly checkpoint?: { readonly envelope: string } };
    }[];
  };
}
interface TrustFile {
  readonly tlogs: readonly { readonly baseUrl: string; readonly publicKey: { readonly rawBytes: string } }[];
}

function readJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(...path), "utf8")) as T;
}

function envelopeOf(folder: string): string {
  const bundle = readJson<BundleFile>(folder, "bundle.sigstore.json");
  return bundle.verificationMaterial.tlogEntries[0]!.inclusionProof!.checkpoint!.envelope;
}

function logsOf(folder: string): { host: string; key: PublicKey }[] {
  return readJson<TrustFile>(folder, "trusted_root.json").tlogs.map((log) => ({
    host: new URL(log.baseUrl).hostname,
    key: parsePublicKey(new Uint8Array(Buffer.from(log.publicKey.rawBytes, "base64"))),
  }));
}

test("every checkpoint of the public conformance suite verifies or is refused as its name says", (t) => {
  const root = vectors(t, "sigstore/conformance/bundle-verify");
  if (root === undefined) return;
  const cases = readdirSync(root).filter((name) => name.startsWith("rekor2-checkpoint-"));
  assert.ok(cases.length >= 9);
  for (const name of cases) {
    const folder = join(root, name);
    const verifiers = logsOf(folder).map(({ host, key }) => createNoteVerifier(host, key));
    const good = verifiers.some((verifier) => {
      try {
        verifyCheckpoint(envelopeOf(folder), verifier);
        return true;
      } catch (error) {
        assert.ok(isProblem(error), name);
        return false;
      }
    });
    assert.equal(good, !name.endsWith("_fail"), name);
  }
});

test("Rekor v1 checkpoints verify with the log's ECDSA key, and their spoilt ones do not", (t) => {
  const root = vectors(t, "sigstore");
  if (root === undefined) return;
  const file = readdirSync(join(root, "public-good")).find((name) => name.startsWith("trusted_root"));
  assert.ok(file !== undefined);
  const trust = readJson<TrustFile>(root, "public-good", file);
  const log = trust.tlogs.find((each) => each.baseUrl === "https://rekor.sigstore.dev");
  assert.ok(log !== undefined);
  const key = parsePublicKey(new Uint8Array(Buffer.from(log.publicKey.rawBytes, "base64")));
  const verifier = createNoteVerifier("rekor.sigstore.dev", key);
  const isShard = (origin: string): boolean => origin.startsWith("rekor.sigstore.dev - ");
  const envelope = (name: string): string => envelopeOf(join(root, "conformance/bundle-verify", name));
  verifyCheckpoint(envelope("happy-path-v0.3"), verifier, isShard);
  assert.throws(
    () => verifyCheckpoint(envelope("checkpoint-bad-keyhint_fail"), verifier, isShard),
    (error) => isProblem(error, "tlog/note-unsigned"),
  );
  assert.throws(
    () => verifyCheckpoint(envelope("invalid-checkpoint-signature_fail"), verifier, isShard),
    (error) => isProblem(error, "tlog/note-signature-invalid"),
  );
});

test("the cosignatures of three public witnesses on a Rekor v2 checkpoint verify", (t) => {
  const root = vectors(t, "sigstore/conformance/bundle-verify");
  if (root === undefined) return;
  const keys = [
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    "staging.witness.transparency.goog/ring-any-bells+2e1a8dc9+BG5JTpLc3FJtwzgh1Uv+Qelz9qeOH2bfWjS1s0s+y4rL",
    "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G",
  ].map(parseVerifierKey);
  const witnesses = keys.map(({ name, key }) => createWitness(name, key));
  assert.deepEqual(
    witnesses.map((witness) => witness.keyId),
    keys.map((key) => key.keyId),
  );
  const note = parseNote(envelopeOf(join(root, "rekor2-dsse-happy-path")));
  const now = Date.UTC(2030, 0, 1);
  const found = verifyCosignatures(note, witnesses, now);
  assert.equal(found.length, 3);
  assert.equal(new Date(found[0]!.timeSeconds * 1000).getUTCFullYear(), 2026);
  assert.throws(
    () => verifyCosignatures(note, witnesses, Date.UTC(2020, 0, 1)),
    (error) => isProblem(error, "tlog/cosignature-future"),
  );
  const changed = { ...note, text: note.text.replace("4026479", "4026478") };
  assert.throws(
    () => verifyCosignatures(changed, witnesses, now),
    (error) => isProblem(error, "tlog/note-signature-invalid"),
  );
});
