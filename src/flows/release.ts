// A release as it is handed on: an artifact and the evidence for it. The index only says what is there; nothing in it
// is believed, and everything it names is verified.

import { Fields, parseJson, Problem, utf8 } from "../core/index.ts";
import type { Files } from "./world.ts";

export const releaseIndex = "release.json";
const releaseType = "https://sealwright.dev/release/v1";
const code = "release/invalid";
const maxIndexBytes = 1024 * 1024;
const maxBundleBytes = 32 * 1024 * 1024;
const maxLockfileBytes = 64 * 1024 * 1024;
const maxFiles = 1024;

export interface ReleaseIndex {
  readonly artifact: string;
  readonly bundles: readonly string[];
  readonly lockfiles: readonly string[];
}

/** An artifact by its digest, and the evidence that came with it. */
export interface Release {
  readonly name: string;
  /** SHA-256 in hexadecimal, measured by whoever holds the artifact. */
  readonly sha256: string;
  readonly bundles: ReadonlyMap<string, Uint8Array>;
  /** By their paths in the source, such as `package-lock.json`. */
  readonly lockfiles: ReadonlyMap<string, Uint8Array>;
}

/** The bytes of `release.json`. */
export function encodeReleaseIndex(index: ReleaseIndex): Uint8Array {
  return utf8(`${JSON.stringify({ _type: releaseType, ...index }, null, 2)}\n`);
}

/** Problem `release/invalid`. */
export function parseReleaseIndex(bytes: Uint8Array): ReleaseIndex {
  const fields = Fields.of(parseJson(bytes, { maxBytes: maxIndexBytes }), "release", code);
  fields.only("_type", "artifact", "bundles", "lockfiles").oneOf("_type", releaseType);
  const index = {
    artifact: fields.string("artifact", { min: 1, max: 255 }),
    bundles: fields.strings("bundles", { max: maxFiles }),
    lockfiles: fields.strings("lockfiles", { max: maxFiles }),
  };
  for (const name of [index.artifact, ...index.bundles, ...index.lockfiles]) {
    const parts = name.split("/");
    const plain =
      parts.every((part) => part !== "" && part !== "." && part !== "..") && !/[\\\u0000-\u001f]/.test(name);
    if (!plain) throw new Problem(code, `${JSON.stringify(name.slice(0, 80))} is no relative file name`);
  }
  return index;
}

/** The evidence of a release folder. `artifact` is measured by the caller. Problems `release/invalid`, `io/*`. */
export async function loadRelease(
  files: Files,
  artifact: { readonly name: string; readonly sha256: string },
): Promise<Release> {
  const index = parseReleaseIndex(await files.read(releaseIndex, maxIndexBytes));
  const readAll = async (names: readonly string[], maxBytes: number): Promise<Map<string, Uint8Array>> => {
    const out = new Map<string, Uint8Array>();
    for (const name of names) out.set(name, await files.read(name, maxBytes));
    return out;
  };
  return {
    ...artifact,
    bundles: await readAll(index.bundles, maxBundleBytes),
    lockfiles: await readAll(index.lockfiles, maxLockfileBytes),
  };
}
