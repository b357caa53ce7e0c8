// TUF 1.0.34 §5: model -> Verified. Each function makes every check of one clause group on one file and returns
// the file as trusted, or throws. Stricter than the text: a threshold counts distinct public keys, not key ids
// (TAP 12), and a signature that is not hexadecimal throughout is no signature.

import { demand, hex, markVerified, Problem, type Verified } from "../core/index.ts";
import { createHasher, digestHex, type HashAlgorithm, type Hasher } from "../crypto/index.ts";
import { verificationKey } from "./key.ts";
import type {
  Delegations,
  Key,
  MetaFile,
  Metadata,
  Role,
  Root,
  Snapshot,
  TargetFile,
  Targets,
  Timestamp,
} from "./model.ts";
import { isTargetPath, roleFile } from "./names.ts";

/** Who may sign a file, and how many of them must. */
export interface Authority {
  readonly keys: ReadonlyMap<string, Key>;
  readonly role: Role;
  /** What messages call the role. */
  readonly name: string;
}

/**
 * The key ids of the role whose keys have signed, one for each distinct public key. At most one verification for
 * each key of the role, whatever number of signatures the file carries.
 */
export function validSigners<T>(metadata: Metadata<T>, { keys, role }: Authority): string[] {
  const signatures = new Map(metadata.signatures.map((each) => [each.keyid, each]));
  const signers = new Map<string, string>();
  for (const keyid of role.keyids) {
    const key = keys.get(keyid);
    const signature = signatures.get(keyid);
    const usable = key === undefined || signature === undefined ? undefined : verificationKey(key);
    if (usable === undefined || signers.has(usable.fingerprint)) continue;
    if (usable.verify(metadata.message, signature!)) signers.set(usable.fingerprint, keyid);
  }
  return [...signers.values()];
}

/** Problem `tuf/threshold`. */
function checkThreshold<T>(metadata: Metadata<T>, authority: Authority): void {
  const signed = validSigners(metadata, authority).length;
  const { threshold } = authority.role;
  demand(signed >= threshold, "tuf/threshold", `${authority.name} has ${signed} of ${threshold} needed signatures`);
}

function checkExpiry(expiresMs: number, name: string, now: number): void {
  demand(expiresMs > now, "tuf/expired", `${name} has expired`);
}

/** §5.2: a root handed over out of band is at least what it says it is. It may have expired. */
export function verifyBootstrapRoot(root: Metadata<Root>): Verified<Metadata<Root>> {
  checkThreshold(root, topLevel(root, "root"));
  return markVerified(root);
}

/** §5.3.4 and §5.3.5. Problems `tuf/threshold`, `tuf/root-version`. */
export function verifyNextRoot(trusted: Verified<Metadata<Root>>, next: Metadata<Root>): Verified<Metadata<Root>> {
  const { version } = trusted.signed;
  checkThreshold(next, topLevel(trusted, "root"));
  checkThreshold(next, topLevel(next, "root"));
  demand(
    next.signed.version === version + 1,
    "tuf/root-version",
    `root has version ${next.signed.version} where ${version + 1} was asked for`,
  );
  return markVerified(next);
}

/** §5.3.10: only the last root of the walk has to be in date. Problem `tuf/expired`. */
export function verifyFinalRoot(root: Verified<Metadata<Root>>, now: number): Verified<Metadata<Root>> {
  checkExpiry(root.signed.expiresMs, "root", now);
  return root;
}

/** The authority that a root gives to a top-level role. */
export function topLevel(root: Metadata<Root>, role: keyof Root["roles"]): Authority {
  return { keys: root.signed.keys, role: root.signed.roles[role], name: role };
}

/**
 * A file from the store that the current root still vouches for: good as the measure of a rollback (§5.4.3, §5.5.5),
 * not yet as something to act on, since its expiry has not been looked at. Problem `tuf/threshold`.
 */
export function verifyCached<T>(metadata: Metadata<T>, authority: Authority): Verified<Metadata<T>> {
  checkThreshold(metadata, authority);
  return markVerified(metadata);
}

/**
 * §5.4.2 to §5.4.4: the timestamp to go on with. With equal versions that is the one already trusted, whatever the
 * new one says (§5.4.3.1). Problems `tuf/threshold`, `tuf/rollback`, `tuf/expired`.
 */
export function verifyTimestamp(
  next: Metadata<Timestamp>,
  { root, trusted, now }: { root: Metadata<Root>; trusted: Verified<Metadata<Timestamp>> | undefined; now: number },
): Verified<Metadata<Timestamp>> {
  checkThreshold(next, topLevel(root, "timestamp"));
  if (trusted !== undefined) {
    checkNotBelow("timestamp", trusted.signed.version, next.signed.version);
    if (trusted.signed.version === next.signed.version) {
      checkExpiry(trusted.signed.expiresMs, "timestamp", now);
      return trusted;
    }
    checkNotBelow("snapshot in timestamp", trusted.signed.snapshot.version, next.signed.snapshot.version);
  }
  checkExpiry(next.signed.expiresMs, "timestamp", now);
  return markVerified(next);
}

/** §5.5.3 to §5.5.6. Problems `tuf/threshold`, `tuf/version-mismatch`, `tuf/rollback`, `tuf/expired`. */
export function verifySnapshot(
  next: Metadata<Snapshot>,
  {
    root,
    timestamp,
    trusted,
    now,
  }: {
    root: Metadata<Root>;
    timestamp: Verified<Metadata<Timestamp>>;
    trusted: Verified<Metadata<Snapshot>> | undefined;
    now: number;
  },
): Verified<Metadata<Snapshot>> {
  checkThreshold(next, topLevel(root, "snapshot"));
  checkVersion("snapshot", timestamp.signed.snapshot, next.signed.version);
  for (const [file, before] of trusted?.signed.meta ?? []) {
    const after = next.signed.meta.get(file);
    demand(after !== undefined, "tuf/rollback", `${file} is no longer listed in snapshot`);
    checkNotBelow(`${file} in snapshot`, before.version, after.version);
  }
  checkExpiry(next.signed.expiresMs, "snapshot", now);
  return markVerified(next);
}

/** §5.6.3 to §5.6.5, of the top-level role and, by its delegator's authority, of any other. Problems as above. */
export function verifyTargets(
  next: Metadata<Targets>,
  { authority, listed, now }: { authority: Authority; listed: MetaFile; now: number },
): Verified<Metadata<Targets>> {
  checkThreshold(next, authority);
  checkVersion(authority.name, listed, next.signed.version);
  checkExpiry(next.signed.expiresMs, authority.name, now);
  return markVerified(next);
}

function checkNotBelow(name: string, trusted: number, next: number): void {
  demand(next >= trusted, "tuf/rollback", `${name} goes back from version ${trusted} to ${next}`);
}

function checkVersion(name: string, listed: MetaFile, version: number): void {
  demand(
    version === listed.version,
    "tuf/version-mismatch",
    `${name} has version ${version} where ${listed.version} is listed`,
  );
}

/** The entry of a snapshot for a role. Problem `tuf/metadata-missing`: a role that is not listed is not trusted. */
export function listedFile(snapshot: Verified<Metadata<Snapshot>>, role: string): MetaFile {
  // METAPATH is the plain file name; the encoded one is for the wire and the disk alone.
  const listed = snapshot.signed.meta.get(`${role}.json`);
  if (listed === undefined) throw new Problem("tuf/metadata-missing", `${roleFile(role)} is not listed in snapshot`);
  return listed;
}

/** The authority that a delegation gives to a role. */
export function delegated(delegations: Delegations, role: Role, name: string): Authority {
  return { keys: delegations.keys, role, name: `role ${name}` };
}

const algorithms: readonly string[] = ["sha256", "sha384", "sha512"] satisfies HashAlgorithm[];

interface ListedFile {
  readonly length: number | undefined;
  readonly hashes: ReadonlyMap<string, string> | undefined;
}

/**
 * §5.5.2, §5.6.2, §5.7.3: the length, when one is listed, and every listed hash that we can compute, of which there
 * must be one. Made before the bytes are parsed. Problems `tuf/length`, `tuf/hash-mismatch`.
 */
export function verifyFile(bytes: Uint8Array, listed: ListedFile, name: string): Verified<Uint8Array> {
  checkLength(bytes.length, listed, name);
  for (const [algorithm, expected] of knownHashes(listed, name)) {
    checkHash(digestHex(algorithm, bytes), { algorithm, expected, name });
  }
  return markVerified(bytes);
}

/** As `verifyFile`, of a file that comes in pieces and is not to be used before `finish`. */
export class FileCheck {
  private size = 0;
  private readonly hashers: readonly { algorithm: HashAlgorithm; expected: string; hasher: Hasher }[];

  constructor(
    private readonly listed: ListedFile & { readonly length: number },
    private readonly name: string,
  ) {
    this.hashers = knownHashes(listed, name).map(([algorithm, expected]) => ({
      algorithm,
      expected,
      hasher: createHasher(algorithm),
    }));
  }

  /** Problem `tuf/length` as soon as there is too much. */
  update(piece: Uint8Array): void {
    this.size += piece.length;
    if (this.size > this.listed.length) checkLength(this.size, this.listed, this.name);
    for (const { hasher } of this.hashers) hasher.update(piece);
  }

  /** Problems `tuf/length`, `tuf/hash-mismatch`. */
  finish(): void {
    checkLength(this.size, this.listed, this.name);
    for (const { algorithm, expected, hasher } of this.hashers) {
      checkHash(hex(hasher.digest()), { algorithm, expected, name: this.name });
    }
  }
}

function checkLength(size: number, { length }: ListedFile, name: string): void {
  demand(length === undefined || size === length, "tuf/length", `${name} has ${size} bytes where ${length} are listed`);
}

function knownHashes({ hashes }: ListedFile, name: string): [HashAlgorithm, string][] {
  const known = [...(hashes ?? [])].filter(([algorithm]) => algorithms.includes(algorithm));
  demand(hashes === undefined || known.length > 0, "tuf/hash-mismatch", `${name} is listed with no hash that we know`);
  return known as [HashAlgorithm, string][];
}

function checkHash(
  found: string,
  { algorithm, expected, name }: { readonly algorithm: string; readonly expected: string; readonly name: string },
): void {
  demand(found === expected, "tuf/hash-mismatch", `${name} does not have the ${algorithm} that is listed`);
}

/** §5.6.7.1: what a trusted role says of a target, if anything. */
export function verifiedTarget(targets: Verified<Metadata<Targets>>, path: string): Verified<TargetFile> | undefined {
  const target = targets.signed.targets.get(path);
  return target === undefined ? undefined : markVerified(target);
}

/** Problem `tuf/target-path`: see `isTargetPath`. */
export function checkTargetPath(path: string): void {
  demand(isTargetPath(path), "tuf/target-path", `${JSON.stringify(path.slice(0, 200))} is not a relative target path`);
}
