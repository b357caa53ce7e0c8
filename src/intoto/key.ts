// Keys of layouts, in-toto specification 1.0 §4.2.1, and the identity keys that securesystemslib calls SigstoreKey.
// The keyid is taken as given: old layouts computed it in other ways. What counts towards a threshold is the key.

import {
  emptyObject,
  Fields,
  fromHex,
  hex,
  olpcCanonicalJson,
  Problem,
  utf8,
  type Json,
  type JsonObject,
} from "../core/index.ts";
import {
  digestHex,
  ed25519PublicKey,
  encodePublicKeyPem,
  keyFingerprint,
  parsePublicKeyPem,
  rawEd25519,
  type PublicKey,
  type Scheme,
} from "../crypto/index.ts";
import type { FunctionaryKey, SigstoreFunctionary, VerificationKey } from "./model.ts";

interface KeyScheme {
  readonly keytypes: readonly string[];
  readonly scheme: Scheme;
  readonly type: PublicKey["type"];
}

/** By the scheme's name in metadata; the first keytype is the one we write. */
const schemes: ReadonlyMap<string, KeyScheme> = new Map([
  ["rsassa-pss-sha256", { keytypes: ["rsa"], scheme: "rsa-pss-sha256", type: "rsa" }],
  ["ed25519", { keytypes: ["ed25519"], scheme: "ed25519", type: "ed25519" }],
  [
    "ecdsa-sha2-nistp256",
    { keytypes: ["ecdsa", "ecdsa-sha2-nistp256"], scheme: "ecdsa-p256-sha256", type: "ecdsa-p256" },
  ],
  [
    "ecdsa-sha2-nistp384",
    { keytypes: ["ecdsa", "ecdsa-sha2-nistp384"], scheme: "ecdsa-p384-sha384", type: "ecdsa-p384" },
  ],
]);
const sigstoreKeytype = "sigstore-oidc";
const sigstoreScheme = "Fulcio";

/** True for a keyid as metadata writes it: hexadecimal, long enough for a file name. */
export function isKeyid(text: string): boolean {
  return /^[0-9a-fA-F]{8,128}$/.test(text);
}

/** Hexadecimal SHA-256 of the canonical key, as securesystemslib computes it (§4.2.1). */
function computeKeyid(keytype: string, scheme: string, keyval: JsonObject): string {
  return digestHex("sha256", olpcCanonicalJson({ keytype, scheme, keyval }));
}

/**
 * A key for layouts and links: RSA by PSS, Ed25519, ECDSA on P-256 or P-384. `keyid` only for a key that existing
 * metadata knows by another one. Problem `intoto/key-unsupported`.
 */
export function verificationKey(key: PublicKey, keyid?: string): VerificationKey {
  const [name, entry] = schemeOf(key);
  return {
    kind: "public",
    keyid: keyid ?? computeKeyid(entry.keytypes[0]!, name, encodeKeyValue(key)),
    key,
    scheme: entry.scheme,
  };
}

function schemeOf(key: PublicKey): [string, KeyScheme] {
  const found = [...schemes].find(([, entry]) => entry.type === key.type);
  if (found === undefined) throw new Problem("intoto/key-unsupported", `in-toto has no scheme for a ${key.type} key`);
  return found;
}

/** A functionary known by the OIDC issuer and the identity that Sigstore certified, both exact. */
export function sigstoreFunctionary(issuer: string, identity: string): SigstoreFunctionary {
  if (issuer === "" || identity === "") {
    throw new Problem("intoto/key-invalid", "a sigstore functionary needs an issuer and an identity");
  }
  const keyid = computeKeyid(sigstoreKeytype, sigstoreScheme, { identity, issuer });
  return { kind: "sigstore", keyid, issuer, identity };
}

function encodeKeyValue(key: PublicKey): JsonObject {
  return { public: key.type === "ed25519" ? hex(rawEd25519(key)) : encodePublicKeyPem(key) };
}

/** A key of a layout. Types we do not know become keys that never verify. Problems: `fields`' own, `crypto/key-*`. */
export function parseFunctionaryKey(keyid: string, fields: Fields): FunctionaryKey {
  if (fields.has("keyid") && fields.string("keyid") !== keyid) throw fields.problem("keyid", "is not its map's name");
  const keytype = fields.optional("keytype", (name) => fields.string(name));
  const scheme = fields.optional("scheme", (name) => fields.string(name));
  if (keytype === sigstoreKeytype && scheme === sigstoreScheme) {
    const value = fields.object("keyval");
    const issuer = value.string("issuer", { min: 1, max: 2048 });
    return { kind: "sigstore", keyid, issuer, identity: value.string("identity", { min: 1, max: 2048 }) };
  }
  const entry = scheme === undefined ? undefined : schemes.get(scheme);
  if (entry === undefined || keytype === undefined || !entry.keytypes.includes(keytype)) {
    return { kind: "unsupported", keyid };
  }
  const text = fields.object("keyval").string("public");
  const key = entry.type === "ed25519" ? ed25519PublicKey(fromHex(text)) : parsePublicKeyPem(text);
  if (key.type !== entry.type) throw fields.problem("scheme", "does not fit the key");
  return { kind: "public", keyid, key, scheme: entry.scheme };
}

/** JSON of a key as a layout holds it. Problem `intoto/key-unsupported` for one we only carried along. */
export function encodeFunctionaryKey(key: FunctionaryKey): JsonObject {
  const out = emptyObject<Json>();
  out["keyid"] = key.keyid;
  if (key.kind === "unsupported") throw new Problem("intoto/key-unsupported", `key ${key.keyid} is of an unknown type`);
  if (key.kind === "sigstore") {
    out["keytype"] = sigstoreKeytype;
    out["scheme"] = sigstoreScheme;
    out["keyval"] = { identity: key.identity, issuer: key.issuer };
    // The reference implementation loads no layout with a key type it has no class for, unless the key has the
    // members of an OpenPGP key. With them it loads the layout and leaves this key unused.
    out["type"] = sigstoreKeytype;
    out["method"] = sigstoreScheme;
    out["hashes"] = [];
    return out;
  }
  const [scheme, entry] = schemeOf(key.key);
  out["keytype"] = entry.keytypes[0]!;
  out["scheme"] = scheme;
  out["keyval"] = encodeKeyValue(key.key);
  return out;
}

/** What two keyids of one functionary have in common; undefined for a key that proves nothing. */
export function functionaryIdentity(key: FunctionaryKey): string | undefined {
  if (key.kind === "public") return `key:${hex(keyFingerprint(key.key))}`;
  if (key.kind === "sigstore")
    return `sigstore:${digestHex("sha256", utf8(JSON.stringify([key.issuer, key.identity])))}`;
  return undefined;
}
