// Keys in the transit engine of HashiCorp Vault or OpenBao, over its HTTP interface (API v1). Server and token come
// from VAULT_ADDR, VAULT_TOKEN, VAULT_NAMESPACE and VAULT_CACERT; the reference says which key and repeats the host,
// so that a reference that somebody else has written cannot send the token elsewhere.

import { base64, demand, Fields, fromBase64, fromUtf8, type JsonObject, Problem } from "../core/index.ts";
import {
  digest,
  ed25519PublicKey,
  parsePublicKeyPem,
  type PublicKey,
  type Scheme,
  schemeHash,
} from "../crypto/index.ts";
import { read } from "./files.ts";
import type { KeyService, ServiceKeyName } from "./key-service.ts";
import { requestVault, type VaultReply, type VaultServer } from "./vault-http.ts";

const code = "keys/service-answer";
const maxAuthorityBytes = 1024 * 1024;
const maxMessageBytes = 16 * 1024 * 1024;

/** The environment's server, when it is the one that the reference names. Problems `keys/service-settings`, `io/*`. */
export async function openVault(
  { host, mount }: { readonly host: string; readonly mount: string },
  environment: Readonly<Record<string, string | undefined>>,
): Promise<KeyService> {
  const address = environment["VAULT_ADDR"] ?? "";
  const token = environment["VAULT_TOKEN"] ?? "";
  const settings = (why: string, hint: string) => new Problem("keys/service-settings", why, { hint });
  if (address === "")
    throw settings("the key is in Vault, and VAULT_ADDR does not say where that is", "set VAULT_ADDR");
  if (!URL.canParse(address)) throw settings("VAULT_ADDR is not an address", "such as https://vault.example.org:8200");
  const url = new URL(address);
  if (url.host !== host) {
    throw settings(`the key is at ${host}, but VAULT_ADDR is ${url.host}`, "the token is sent to VAULT_ADDR alone");
  }
  const here = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && here)) {
    throw settings("VAULT_ADDR is not an https address", "plain http is taken on this machine alone");
  }
  if (!/^[\x21-\x7e]{1,8192}$/.test(token)) {
    throw settings("VAULT_TOKEN does not hold a token", "set VAULT_TOKEN to one that may read and use the key");
  }
  const file = environment["VAULT_CACERT"];
  const server: VaultServer = {
    address: `${url.origin}${url.pathname.replace(/\/+$/, "")}`,
    token,
    namespace: environment["VAULT_NAMESPACE"] || undefined,
    authorities: file === undefined || file === "" ? undefined : fromUtf8(await read(file, maxAuthorityBytes)),
  };
  return {
    publicKey: (key) => readPublicKey(server, mount, key),
    sign: (key, scheme, message) => sign(server, mount, key, scheme, message),
  };
}

async function readPublicKey(
  server: VaultServer,
  mount: string,
  { name, version }: ServiceKeyName,
): Promise<{ publicKey: PublicKey; version: number }> {
  const data = dataOf(await requestVault(server, `${mount}/keys/${name}`), name);
  const wanted = version ?? data.integer("latest_version", { min: 1 });
  const keys = data.object("keys");
  if (!keys.has(String(wanted))) throw new Problem("keys/service-key", `${name} has no version ${wanted} in Vault`);
  const entry = keys.value[String(wanted)];
  // Keys to encrypt with have a time where others have an object.
  if (typeof entry === "number") throw new Problem("keys/service-key", `${name} is not a key to sign with`);
  const value = keys.object(String(wanted)).string("public_key", { min: 1, max: 8192 });
  return { publicKey: publicKeyOf(data.string("type"), value), version: wanted };
}

/** Ed25519 as 32 bytes in base64, all else in PEM. */
function publicKeyOf(type: string, value: string): PublicKey {
  if (type !== "ed25519") return parsePublicKeyPem(value);
  try {
    return ed25519PublicKey(fromBase64(value));
  } catch (cause) {
    throw new Problem(code, "Vault's Ed25519 key is not 32 bytes", { cause });
  }
}

async function sign(
  server: VaultServer,
  mount: string,
  { name, version }: Required<ServiceKeyName>,
  scheme: Scheme,
  message: Uint8Array,
): Promise<Uint8Array> {
  const body = { ...signRequest(scheme, message), key_version: version };
  const data = dataOf(await requestVault(server, `${mount}/sign/${name}`, body), name);
  const match = /^vault:v(\d+):([A-Za-z0-9+/=]+)$/.exec(data.string("signature", { max: 16_384 }));
  if (match === null || Number(match[1]) !== version) {
    throw new Problem(code, `Vault signed with another version of ${name} than ${version}, or not at all`);
  }
  return fromBase64(match[2] as string);
}

/** Vault gets the digest and not the message, but for pure Ed25519, which signs the message itself. */
function signRequest(scheme: Scheme, message: Uint8Array): JsonObject {
  const hash = schemeHash(scheme);
  if (scheme === "ed25519") {
    const fits = message.length <= maxMessageBytes;
    demand(
      fits,
      "keys/service-scheme",
      `Vault gets a whole message to sign with Ed25519, of at most ${maxMessageBytes} bytes`,
    );
    return { input: base64(message) };
  }
  if (hash === undefined || scheme === "ed25519-ph") {
    throw new Problem("keys/service-scheme", `Vault does not sign with ${scheme}`);
  }
  const input = { input: base64(digest(hash, message)), prehashed: true, hash_algorithm: hash.replace("sha", "sha2-") };
  if (scheme.startsWith("ecdsa-")) return { ...input, marshaling_algorithm: "asn1" };
  // Vault's own default is the longest salt that fits; the schemes here have one as long as the hash.
  if (scheme.startsWith("rsa-pss-")) return { ...input, signature_algorithm: "pss", salt_length: "hash" };
  return { ...input, signature_algorithm: "pkcs1v15" };
}

function dataOf({ status, json }: VaultReply, name: string): Fields {
  if (status === 200) return Fields.of(json, "Vault's answer", code).object("data");
  const said = `Vault answered ${status} for ${name}`;
  switch (status) {
    case 403:
      throw new Problem("keys/service-denied", said, {
        hint: "may VAULT_TOKEN read and use this key, and has it expired?",
      });
    case 404:
      throw new Problem("keys/service-key", said, { hint: "is there a transit key of this name, under this mount?" });
    case 503:
      throw new Problem("keys/service-unreachable", said, { hint: "Vault is sealed or in maintenance" });
    default:
      throw new Problem(code, said);
  }
}
