// Keys on PKCS #11 tokens: found, used to sign, made. A token signs a digest that is made here, and each signature is
// verified with the public key that was read when the key was opened.

import { fromUtf8, Problem } from "../core/index.ts";
import {
  der,
  digest,
  type HashAlgorithm,
  oids,
  type PublicKey,
  type Scheme,
  schemeHash,
  type Signer,
} from "../crypto/index.ts";
import { read } from "./files.ts";
import type { KeyWorld } from "./key-world.ts";
import { demandSignature } from "./key-service.ts";
import { findToken, type FoundKey, findKey, type Session, type Token } from "./pkcs11-find.ts";
import { defaultModule, runPkcs11Tool } from "./pkcs11-tool.ts";
import type { Pkcs11Uri } from "./pkcs11-uri.ts";

/** Kinds of key that `generatePkcs11Key` makes, by what pkcs11-tool calls them. */
const generated = {
  "ecdsa-p256": "EC:prime256v1",
  "ecdsa-p384": "EC:secp384r1",
  ed25519: "EC:edwards25519",
  "rsa-2048": "rsa:2048",
  "rsa-3072": "rsa:3072",
  "rsa-4096": "rsa:4096",
} as const;

export type TokenKeyType = keyof typeof generated;

const maxPinBytes = 1024;
const pinVariable = "SEALWRIGHT_PKCS11_PIN";

/**
 * A signer for a key on a token. The PIN is asked for here, unless the reader has a pad of its own; a wrong one shows
 * when something is signed, and is not tried twice. Problems `keys/token-*`, `keys/pin-*`, `keys/signature-invalid`.
 */
export async function openPkcs11Signer(
  uri: Pkcs11Uri,
  world: KeyWorld,
  schemeOf: (key: PublicKey) => Scheme,
): Promise<Signer> {
  const token = await open(uri, world);
  const session = once(() => logIn(uri, token, world));
  const key = await keyOf(uri, token, session);
  const scheme = schemeOf(key.publicKey);
  const { mechanism } = signing(scheme, new Uint8Array());
  const loggedIn = await session();
  let before: Promise<unknown> = Promise.resolve();
  let refused: Problem | undefined;
  return {
    scheme,
    publicKey: key.publicKey,
    sign(message) {
      // A token does one thing at a time, and a PIN it has refused once would bring it nearer to locking itself.
      const next = before.then(async () => {
        if (refused !== undefined) throw refused;
        const { input } = signing(scheme, message);
        const args = ["--sign", "--id", key.id, ...mechanism];
        const signature = await token.run({ args, ...loggedIn, input, output: true }).catch((error: unknown) => {
          if (error instanceof Problem && error.code.startsWith("keys/pin-")) refused = error;
          throw error;
        });
        demandSignature(key.publicKey, scheme, message, signature.output);
        return signature.output;
      });
      before = next.catch(() => undefined);
      return next;
    },
  };
}

/** The public half, with a PIN only where the token shows it to nobody else. Problems as for `openPkcs11Signer`. */
export async function pkcs11PublicKey(uri: Pkcs11Uri, world: KeyWorld): Promise<PublicKey> {
  const token = await open(uri, world);
  return (await keyOf(uri, token, () => logIn(uri, token, world))).publicKey;
}

/**
 * Makes a key pair on the token, that cannot leave it, under the object= and id= of the reference; both must be named
 * and free. Gives the public half. Problems `keys/token-*`, `keys/pin-*`.
 */
export async function generatePkcs11Key(uri: Pkcs11Uri, world: KeyWorld, type: TokenKeyType): Promise<PublicKey> {
  const { object, id } = uri;
  if (object === undefined || id === undefined) {
    throw new Problem("keys/token-object", "a new key on a token needs a name and an id: object= and id=");
  }
  const token = await open(uri, world);
  const session = await logIn(uri, token, world);
  for (const taken of [
    { object, id: undefined },
    { object: undefined, id },
  ]) {
    if ((await findKey(token, taken, session)) !== undefined) {
      throw new Problem("keys/token-object", "the token has a key of that name or id already");
    }
  }
  const args = [
    "--keypairgen",
    "--key-type",
    generated[type],
    "--label",
    object,
    "--id",
    id,
    "--usage-sign",
    "--sensitive",
  ];
  await token.run({ args, ...session });
  return (await keyOf(uri, token, async () => session)).publicKey;
}

async function open(uri: Pkcs11Uri, { environment }: KeyWorld): Promise<Token> {
  const module = uri.modulePath ?? (environment["SEALWRIGHT_PKCS11_MODULE"] || defaultModule);
  return findToken(uri.token, (call) => runPkcs11Tool({ ...call, module, environment }));
}

async function keyOf(uri: Pkcs11Uri, token: Token, session: () => Promise<Session>): Promise<FoundKey> {
  const found = (await findKey(token, uri)) ?? (await findKey(token, uri, await session()));
  if (found !== undefined) return found;
  throw new Problem("keys/token-object", "the token has no public key of that name or id", {
    hint: "pkcs11-tool --list-objects shows what it has",
  });
}

function once<T>(get: () => Promise<T>): () => Promise<T> {
  let got: Promise<T> | undefined;
  return () => (got ??= get());
}

/** Without a PIN where the reader asks for it itself. Problem `keys/pin-missing`. */
async function logIn(uri: Pkcs11Uri, token: Token, world: KeyWorld): Promise<Session> {
  if (!token.needsLogin) return {};
  return token.asksItself ? { login: true } : { login: true, pin: await pinOf(uri, token, world) };
}

async function pinOf(uri: Pkcs11Uri, token: Token, world: KeyWorld): Promise<string> {
  if (uri.pinSource !== undefined) {
    const text = fromUtf8(await read(uri.pinSource, maxPinBytes, { private: true }));
    return demandPin(text.replace(/\r?\n$/, ""), uri.pinSource);
  }
  const given = world.environment[pinVariable];
  if (given !== undefined) return demandPin(given, pinVariable);
  if (world.prompt !== undefined)
    return demandPin(await world.prompt(`PIN of the token ${token.name}: `), "what was typed");
  throw new Problem("keys/pin-missing", `the token ${token.name} wants a PIN, and there is nobody to ask for it`, {
    hint: `set ${pinVariable}, or name a file with pin-source= in the reference`,
  });
}

function demandPin(pin: string, from: string): string {
  if (/^[^\u0000-\u001f]{1,255}$/.test(pin)) return pin;
  throw new Problem("keys/pin-missing", `there is no PIN in ${from}`);
}

// DigestInfo of RFC 8017 §9.2, which the token pads and signs as it is.
function digestInfo(hash: HashAlgorithm, value: Uint8Array): Uint8Array {
  return der.sequence(der.sequence(der.oid(oids[hash]), der.nullValue()), der.octetString(value));
}

/** What the token gets to sign, and how: raw mechanisms, that every token has, over a digest made here. */
function signing(
  scheme: Scheme,
  message: Uint8Array,
): { readonly input: Uint8Array; readonly mechanism: readonly string[] } {
  if (scheme === "ed25519") return { input: message, mechanism: ["--mechanism", "EDDSA"] };
  const hash = schemeHash(scheme);
  if (hash === undefined || scheme === "ed25519-ph") {
    throw new Problem("keys/token-scheme", `tokens do not sign with ${scheme}`);
  }
  const value = digest(hash, message);
  if (scheme.startsWith("ecdsa-")) {
    return { input: value, mechanism: ["--mechanism", "ECDSA", "--signature-format", "sequence"] };
  }
  if (scheme.startsWith("rsa-pkcs1-"))
    return { input: digestInfo(hash, value), mechanism: ["--mechanism", "RSA-PKCS"] };
  const name = hash.toUpperCase();
  const pss = ["--hash-algorithm", name, "--mgf", `MGF1-${name}`, "--salt-len", String(value.length)];
  return { input: value, mechanism: ["--mechanism", "RSA-PKCS-PSS", ...pss] };
}
