// What people call keys: given with an invitation or read off the reference to the private key. Names help people; no
// check ever rests on one, since metadata does not carry them.

import { Fields, parseJson } from "../core/index.ts";
import { parseSettings, type RepositoryStore, settingsRecord } from "../tuf/index.ts";

export const keyNamesRecord = "key-names";
const maxBytes = 1 << 20;
const maxNames = 4096;

/** By key id. Names that were given go before names of files. */
export async function readKeyNames(store: RepositoryStore): Promise<ReadonlyMap<string, string>> {
  const bytes = await store.readRecord(keyNamesRecord);
  const fields = bytes && Fields.of({ names: parseJson(bytes, { maxBytes }) }, "key names", "tuf/key-names-invalid");
  const given = fields?.stringMap("names", { max: maxNames }) ?? new Map<string, string>();
  const { keys } = parseSettings(await store.readRecord(settingsRecord));
  const read = [...keys].map(([keyid, reference]) => [keyid, nameOfReference(reference)] as const);
  return new Map([...read, ...given]);
}

/** `root-1` of `file:keys/root-1.pem`; the object of a token; the last part of anything else. */
export function nameOfReference(reference: string): string {
  const object = /^pkcs11:.*?\bobject=([^;?]+)/.exec(reference)?.[1];
  if (object !== undefined) return decodeURIComponent(object);
  const identity = /^sigstore:.*#(.+)$/.exec(reference)?.[1];
  if (identity !== undefined) return identity;
  const last =
    reference
      .replace(/^[a-z]+:/, "")
      .replace(/[?#].*$/, "")
      .split("/")
      .at(-1) ?? reference;
  return last.replace(/\.(?:pem|key|pub)$/, "") || reference;
}
