// Where a private key is, as a text that stands in settings and on command lines, and the way from there to a signer.
// No message of a Problem here holds a secret, and no secret is ever an argument of a program.

import { isAbsolute, join } from "node:path";
import { demand, fromUtf8, isProblem, Problem } from "../core/index.ts";
import {
  createSigner,
  defaultScheme,
  isEncryptedKeyPem,
  openPrivateKeyPem,
  type PrivateKey,
  type PublicKey,
  type Scheme,
  type Signer,
} from "../crypto/index.ts";
import { read } from "./files.ts";
import { openServiceSigner, type ServiceKeyName } from "./key-service.ts";
import type { KeyWorld } from "./key-world.ts";
import { openPkcs11Signer, pkcs11PublicKey } from "./pkcs11.ts";
import { type Pkcs11Uri, parsePkcs11Uri } from "./pkcs11-uri.ts";
import { openVault } from "./vault.ts";

export type KeyReference =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "pkcs11"; readonly uri: Pkcs11Uri }
  | { readonly kind: "vault"; readonly host: string; readonly mount: string; readonly key: ServiceKeyName }
  /** No key at all: an identity that signs with a fresh one each time (TAP 18). Flows open it. */
  | { readonly kind: "sigstore"; readonly issuer: string; readonly identity: string };

export interface SignerOptions {
  /** Which scheme a key signs with; the key's default where nothing is said. TUF has RSA sign with PSS. */
  readonly scheme?: (key: PublicKey) => Scheme;
}

const code = "keys/reference-invalid";
const maxPemBytes = 64 * 1024;
const passwordVariables = ["SEALWRIGHT_KEY_PASSWORD", "COSIGN_PASSWORD"] as const;
const promptAttempts = 3;

/**
 * `file:PATH` or a path; `pkcs11:…` (RFC 7512); `vault://HOST[:PORT]/[MOUNT/]KEY[?version=N]`;
 * `sigstore:ISSUER#IDENTITY`. Problem `keys/reference-invalid`.
 */
export function parseKeyReference(text: string): KeyReference {
  demand(text !== "" && text.length <= 4096 && !text.includes("\0"), code, "a key reference is empty or too long");
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(text)?.[1]?.toLowerCase();
  switch (scheme) {
    case undefined:
      return { kind: "file", path: text };
    case "file":
      return { kind: "file", path: filePath(text) };
    case "pkcs11":
      return { kind: "pkcs11", uri: parsePkcs11Uri(text) };
    case "vault":
      return parseVaultReference(text);
    case "sigstore":
      return parseSigstoreReference(text);
    default:
      throw new Problem(code, `there are no keys of the kind ${scheme}:`, {
        hint: "a key is a file, pkcs11:, vault:// or sigstore:; keys of AWS, Google Cloud and Azure are not supported",
      });
  }
}

function filePath(text: string): string {
  const path = text.slice("file:".length).replace(/^\/\/(?=\/)/, "");
  demand(path !== "" && !path.startsWith("//"), code, "file: is followed by a path, relative or absolute");
  return path;
}

function parseVaultReference(text: string): KeyReference {
  const match =
    /^vault:\/\/([A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9A-Fa-f:]+\](?::\d{1,5})?)\/((?:[A-Za-z0-9_-]+\/)*)([A-Za-z0-9][A-Za-z0-9._-]*)(?:\?version=([1-9]\d{0,8}))?$/.exec(
      text,
    );
  if (match === null) {
    throw new Problem(code, "a key of Vault is vault://HOST[:PORT]/[MOUNT/]KEY[?version=NUMBER]");
  }
  const [, host = "", mount = "", name = "", version] = match;
  const key = version === undefined ? { name } : { name, version: Number(version) };
  return { kind: "vault", host: host.toLowerCase(), mount: mount.replace(/\/$/, "") || "transit", key };
}

function parseSigstoreReference(text: string): KeyReference {
  const rest = text.slice("sigstore:".length);
  const at = rest.indexOf("#");
  const [issuer, identity] = [rest.slice(0, Math.max(at, 0)), rest.slice(at + 1)];
  const valid = at > 0 && identity !== "" && URL.canParse(issuer) && /^https?:$/.test(new URL(issuer).protocol);
  demand(
    valid,
    code,
    "an identity is sigstore:ISSUER#IDENTITY, such as sigstore:https://issuer.example#me@example.org",
  );
  return { kind: "sigstore", issuer, identity };
}

/**
 * A signer for the key: the passphrase or PIN is asked for here, once. Problems `keys/*`, `crypto/*`, `io/*`; of an
 * identity `keys/identity-not-key`.
 */
export async function openSigner(
  reference: KeyReference | string,
  world: KeyWorld,
  options: SignerOptions = {},
): Promise<Signer> {
  const where = typeof reference === "string" ? parseKeyReference(reference) : reference;
  const scheme = options.scheme ?? defaultScheme;
  switch (where.kind) {
    case "file": {
      const key = await openFile(where.path, world);
      return createSigner(key, scheme(key.publicKey));
    }
    case "pkcs11":
      return openPkcs11Signer(where.uri, world, scheme);
    case "vault":
      return openServiceSigner(await openVault(where, world.environment), where.key, scheme);
    case "sigstore":
      throw noKey();
  }
}

/**
 * The public half. Of a file it is made from the private key, so that a changed file beside it cannot take its place;
 * of a token or a service it is asked of them. Problems as for `openSigner`.
 */
export async function publicKeyOf(reference: KeyReference | string, world: KeyWorld): Promise<PublicKey> {
  const where = typeof reference === "string" ? parseKeyReference(reference) : reference;
  switch (where.kind) {
    case "file":
      return (await openFile(where.path, world)).publicKey;
    case "pkcs11":
      return pkcs11PublicKey(where.uri, world);
    case "vault":
      return (await (await openVault(where, world.environment)).publicKey(where.key)).publicKey;
    case "sigstore":
      throw noKey();
  }
}

function noKey(): Problem {
  return new Problem("keys/identity-not-key", "an identity has no key of its own to open", {
    hint: "it signs TUF metadata and bundles; here a key is needed",
  });
}

async function openFile(path: string, world: KeyWorld): Promise<PrivateKey> {
  const at = isAbsolute(path) ? path : join(world.folder, path);
  const pem = fromUtf8(await read(at, maxPemBytes, { private: true }));
  const variable = passwordVariables.find((name) => world.environment[name] !== undefined);
  if (!isEncryptedKeyPem(pem)) return openPrivateKeyPem(pem, () => "");
  if (variable !== undefined) {
    const key = await tryPassphrase(pem, world.environment[variable]!);
    if (key !== undefined) return key;
    // It may be the passphrase of another key: where somebody can be asked, that is no reason to fail.
    if (world.prompt === undefined) {
      throw new Problem("crypto/passphrase-wrong", `${at} does not open with the passphrase in ${variable}`);
    }
  }
  if (world.prompt === undefined) {
    throw new Problem("keys/passphrase-missing", `${at} is encrypted, and there is nobody to ask for its passphrase`, {
      hint: `set ${passwordVariables[0]}`,
    });
  }
  for (let attempt = 0; attempt < promptAttempts; attempt++) {
    const key = await tryPassphrase(pem, await world.prompt(`Passphrase for ${at}: `));
    if (key !== undefined) return key;
  }
  throw new Problem("crypto/passphrase-wrong", `${at} does not open with what was typed`);
}

async function tryPassphrase(pem: string, passphrase: string): Promise<PrivateKey | undefined> {
  try {
    return await openPrivateKeyPem(pem, () => passphrase);
  } catch (error) {
    if (isProblem(error, "crypto/passphrase-wrong")) return undefined;
    throw error;
  }
}
