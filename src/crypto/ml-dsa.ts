// ML-DSA (FIPS 204), verification alone: pure, with an empty context; keys as SubjectPublicKeyInfo of RFC 9881 §4.
// By OpenSSL where node:crypto has it (Node 24.6 and later, OpenSSL 3.5), otherwise by the optional package
// @noble/post-quantum. Which of them shows in `loadMlDsa`, that must have been awaited once; without it, or with
// neither there, no signature is valid.

import { createPublicKey, verify as nodeVerify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { concat, demand, equalBytes, fromHex, hex } from "../core/index.ts";
import { digest } from "./digest.ts";
import { parsePem } from "./pem.ts";

export type MlDsaType = "ml-dsa-44" | "ml-dsa-65" | "ml-dsa-87";

export interface MlDsaPublicKey {
  readonly type: MlDsaType;
  readonly spki: Uint8Array;
}

interface Form {
  readonly type: MlDsaType;
  /** SPKI up to the key: AlgorithmIdentifier without parameters, BIT STRING with no unused bits. */
  readonly prefix: Uint8Array;
  readonly keyBytes: number;
  readonly signatureBytes: number;
}

// FIPS 204 table 2; RFC 9881 §2, §4.
const forms: readonly Form[] = [
  form("ml-dsa-44", "30820532300b06096086480165030403110382052100", 1312, 2420),
  form("ml-dsa-65", "308207b2300b0609608648016503040312038207a100", 1952, 3309),
  form("ml-dsa-87", "30820a32300b060960864801650304031303820a2100", 2592, 4627),
];

function form(type: MlDsaType, prefix: string, keyBytes: number, signatureBytes: number): Form {
  return { type, prefix: fromHex(prefix), keyBytes, signatureBytes };
}

function formOf(spki: Uint8Array): Form | undefined {
  return forms.find(
    ({ prefix, keyBytes }) =>
      spki.length === prefix.length + keyBytes && equalBytes(spki.subarray(0, prefix.length), prefix),
  );
}

/** A key of exactly one `PUBLIC KEY` block in its one canonical encoding. Problems `crypto/pem-invalid`, `crypto/key-invalid`. */
export function parseMlDsaPublicKeyPem(pem: string): MlDsaPublicKey {
  const [spki, ...more] = parsePem(pem, "PUBLIC KEY");
  const found = spki === undefined || more.length > 0 ? undefined : formOf(spki);
  demand(found !== undefined, "crypto/key-invalid", "not exactly one ML-DSA public key");
  return { type: found.type, spki: spki! };
}

/** SHA-256 of the SPKI. */
export function mlDsaFingerprint(key: MlDsaPublicKey): Uint8Array {
  return digest("sha256", key.spki);
}

type Verify = (type: MlDsaType, spki: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

let verifier: Verify | undefined;
let loading: Promise<boolean> | undefined;

/** Finds out what this process verifies ML-DSA with. True when there is something; quick after the first time. */
export function loadMlDsa(): Promise<boolean> {
  loading ??= load();
  return loading;
}

async function load(): Promise<boolean> {
  verifier = nativeVerifier() ?? (await packageVerifier());
  return verifier !== undefined;
}

// Every string of the right length is a public key (FIPS 204 algorithm 23), so zeros will do to ask.
function nativeVerifier(): Verify | undefined {
  const { prefix, keyBytes } = forms[0]!;
  try {
    createPublicKey({ key: concat(prefix, new Uint8Array(keyBytes)), format: "der", type: "spki" } as SpkiInput);
  } catch {
    return undefined;
  }
  const handles = new Map<string, KeyObject>();
  return (_type, spki, message, signature) => {
    const name = hex(digest("sha256", spki));
    const handle = handles.get(name) ?? createPublicKey({ key: spki, format: "der", type: "spki" } as SpkiInput);
    if (handles.size < maxHandles) handles.set(name, handle);
    return nodeVerify(null, message, { key: handle }, signature);
  };
}

type SpkiInput = Parameters<typeof createPublicKey>[0];
const maxHandles = 64;

async function packageVerifier(): Promise<Verify | undefined> {
  const found = await import("@noble/post-quantum/ml-dsa.js").catch(() => undefined);
  if (found === undefined) return undefined;
  const byType = { "ml-dsa-44": found.ml_dsa44, "ml-dsa-65": found.ml_dsa65, "ml-dsa-87": found.ml_dsa87 } as const;
  return (type, spki, message, signature) => {
    const { prefix } = formOf(spki)!;
    return byType[type].verify(signature, message, spki.subarray(prefix.length));
  };
}

/**
 * True when the signature of the message is the key's. False for any other or malformed one, and for every one before
 * `loadMlDsa` has found something to verify with. FIPS 204 §5.3 with an empty context.
 */
export function verifyMlDsa(key: MlDsaPublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  const { signatureBytes } = formOf(key.spki)!;
  if (verifier === undefined || signature.length !== signatureBytes) return false;
  try {
    return verifier(key.type, key.spki, message, signature);
  } catch {
    return false;
  }
}
