// Names of files on the repository and in the store, TUF 1.0.34 §3.1.2, §5.3.3, §5.5.1, §5.6.1 and §5.7.3.
// A role's name is any text, so it is percent-encoded wherever it becomes part of a file name or a URL:
// `../x` is then a name like any other. A target's path keeps its slashes and must not climb.

import { isWellFormed } from "../core/index.ts";

/** Percent-encodes all but letters, digits and `-._~`. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The file of a role: `NAME.json`, or `VERSION.NAME.json`. Safe as a file name and as a URL segment. */
export function roleFile(role: string, version?: number): string {
  const name = `${percentEncode(role)}.json`;
  return version === undefined ? name : `${version}.${name}`;
}

/** Where the store keeps a root that has been verified, so that the walk from the bootstrap root is replayed offline. */
export function rootHistoryFile(version: number): string {
  return `root_history/${version}.root.json`;
}

/**
 * True for a relative path of plain segments. Refused: empty, `.` and `..` segments, a leading slash, a backslash,
 * a drive letter, a control character, a lone surrogate: nothing that could leave a folder on any system.
 */
export function isTargetPath(path: string): boolean {
  if (path.length > 4096 || !isWellFormed(path)) return false;
  if (/[\\\u0000-\u001f\u007f]/.test(path) || /^[A-Za-z]:/.test(path)) return false;
  return path.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..");
}

/** A target's path with HASH before the last segment, when one is given; not encoded. */
export function targetFile(path: string, hash?: string): string {
  if (hash === undefined) return path;
  const slash = path.lastIndexOf("/") + 1;
  return `${path.slice(0, slash)}${hash}.${path.slice(slash)}`;
}

/** A relative path as a URL reference: every segment percent-encoded. */
export function encodePath(path: string): string {
  return path.split("/").map(percentEncode).join("/");
}
