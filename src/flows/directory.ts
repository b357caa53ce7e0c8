// A folder as one artifact: an in-toto statement whose subjects are all of its files, by path and digest, in the order
// of their paths. Verified, it is the whole folder or nothing: a file more, less or changed is refused. As verifiers
// take so many subjects and no more, there is a bound; beyond it an archive is the thing to sign.

import { demand, fromHex, Problem, type JsonObject } from "../core/index.ts";
import { createStatement, encodeStatement, parseStatement } from "../intoto/index.ts";
import {
  type Bundle,
  type KeyOptions,
  type KeylessOptions,
  type VerifiedBundle,
  verifyBundle,
} from "../sigstore/index.ts";

/** Predicate type of a statement that says no more than that these are the files. */
export const folderSignatureType = "https://sealwright.dev/attestations/folder/v1";
export const maxFolderFiles = 1024;
const code = "folder/mismatch";

/** Path below the folder, `/`-separated, to lower-case hexadecimal SHA-256. */
export type FolderDigests = ReadonlyMap<string, string>;

/** The bytes of the statement. Problems `folder/empty`, `folder/too-many-files`. */
export function folderStatement(
  files: FolderDigests,
  predicate: { readonly predicateType: string; readonly predicate: JsonObject } = {
    predicateType: folderSignatureType,
    predicate: {},
  },
): Uint8Array {
  demand(files.size > 0, "folder/empty", "the folder has no files");
  if (files.size > maxFolderFiles) {
    throw new Problem("folder/too-many-files", `the folder has ${files.size} files, more than ${maxFolderFiles}`, {
      hint: "put them into an archive and sign that",
    });
  }
  const subject = sorted(files).map(([name, sha256]) => ({ name, digest: new Map([["sha256", sha256]]) }));
  return encodeStatement(createStatement({ subject, ...predicate }));
}

function sorted(files: FolderDigests): readonly (readonly [string, string])[] {
  return [...files].sort(([a], [b]) => (a < b ? -1 : 1));
}

type Expectation = Omit<KeylessOptions, "artifact"> | Omit<KeyOptions, "artifact">;

/**
 * The bundle, verified for exactly these files. Without a `predicateType` it has to be a folder's signature.
 * Problems `folder/*`, `sigstore/*`.
 */
export function verifyFolder(files: FolderDigests, bundle: Bundle, expected: Expectation): VerifiedBundle {
  const [first] = sorted(files);
  if (first === undefined) throw new Problem("folder/empty", "the folder has no files");
  const verified = verifyBundle(bundle, {
    predicateType: folderSignatureType,
    ...expected,
    artifact: { kind: "digest", algorithm: "sha256", digest: fromHex(first[1]) },
  });
  const { content } = verified;
  if (content.kind !== "envelope") throw new Problem(code, "the bundle holds no statement about a folder");
  const named = new Map<string, string>();
  for (const { name = "", digest } of parseStatement(content.payload).subject) {
    demand(!named.has(name), code, `the statement names ${JSON.stringify(name)} twice`);
    named.set(name, digest.get("sha256") ?? "");
  }
  for (const [name, sha256] of sorted(files)) {
    demand(named.has(name), code, `${JSON.stringify(name)} is not among the files that were signed`);
    demand(named.get(name) === sha256, code, `${JSON.stringify(name)} is not as it was signed`);
  }
  const missing = [...named.keys()].find((name) => !files.has(name));
  demand(missing === undefined, code, `${JSON.stringify(missing)} was signed and is not there`);
  return verified;
}
