// Signing across a gap: a request file goes out, a response file comes back. The request carries what is to be signed
// and everything that it follows, so that the other side verifies the chain of roots, computes the difference itself and
// believes no text. Answering needs no memory and no network. Format: docs/formats/tuf-ceremony.md.

import {
  base64,
  canonicalJson,
  demand,
  Fields,
  type JsonObject,
  olpcCanonicalJson,
  parseJson,
  Problem,
} from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import {
  type Key,
  type Metadata,
  type MetadataSigner,
  parseRoot,
  parseTargets,
  prepareKeys,
  type Repository,
  type RepositoryStore,
  roleFile,
  type Root,
  type Targets,
  topLevel,
  validSigners,
} from "../tuf/index.ts";
import {
  isPlain,
  type KeyLabel,
  labelOf,
  rootDifference,
  targetsDifference,
  unsignedRoot,
  unsignedTargets,
} from "./tuf-difference.ts";
import {
  parseExtra,
  parsePart,
  parseSignature,
  type Proposal,
  type ProposalPart,
  type ProposalSignature,
} from "./tuf-proposal.ts";
import { delegatedRoles, fingerprintOf, keysOf, type View } from "./tuf-view.ts";

export const requestType = "https://sealwright.dev/tuf/request/v1";
export const responseType = "https://sealwright.dev/tuf/response/v1";

const code = "tuf/request-invalid";
const maxBytes = 64 * 1024 * 1024;
const maxRoots = 1024;
const maxItems = 4096;

/** A request as the other side has read and verified it. */
export interface SigningRequest {
  /** SHA-256 of the repository's first root: which repository it is. */
  readonly repository: string;
  readonly proposal: string;
  readonly operation: string;
  readonly notes: readonly string[];
  readonly names: ReadonlyMap<string, string>;
  /** Undefined: the repository is about to be made. */
  readonly root: Metadata<Root> | undefined;
  readonly parts: readonly ProposalPart[];
  readonly signatures: readonly ProposalSignature[];
  /** What each part changes, computed from the documents. */
  readonly differences: readonly (readonly string[])[];
  readonly view: View;
}

/** How a repository is called that is about to be made. */
export const newRepository = "new";

/** What there is before a proposal, of a repository that may not be there yet. */
export interface Before {
  readonly root: Metadata<Root> | undefined;
  role(name: string): Promise<Metadata<Targets> | undefined>;
}

export function beforeOf(repository: Repository | undefined): Before {
  return { root: repository?.head.root, role: async (name) => repository?.role(name) };
}

/** What the documents of a proposal change, part by part. */
export async function differences(
  before: Before,
  parts: readonly ProposalPart[],
  label: KeyLabel,
): Promise<readonly (readonly string[])[]> {
  const lines: (readonly string[])[] = [];
  let { root } = before;
  for (const part of parts) {
    if (part.role === "root") {
      const next = unsignedRoot(part.signed);
      lines.push(rootDifference(root, next, label));
      root = next;
    } else {
      lines.push(targetsDifference(part.role, await before.role(part.role), unsignedTargets(part.signed), label));
    }
  }
  return lines;
}

/** The repository's own name: the digest of its first root. */
export async function repositoryId(store: RepositoryStore): Promise<string | undefined> {
  const first = await store.read(roleFile("root", 1));
  return first === undefined ? undefined : digestHex("sha256", first);
}

/** Every root there is, oldest first. */
async function rootFiles(store: RepositoryStore): Promise<Uint8Array[]> {
  const files: Uint8Array[] = [];
  for (let version = 1; version <= maxRoots; version++) {
    const bytes = await store.read(roleFile("root", version));
    if (bytes === undefined) break;
    files.push(bytes);
  }
  return files;
}

/** The request file for a proposal. */
export async function createRequest(
  store: RepositoryStore,
  repository: Repository | undefined,
  proposal: Proposal,
  names: ReadonlyMap<string, string>,
): Promise<Uint8Array> {
  const context = repository === undefined ? [] : await contextOf(repository, proposal);
  const before = beforeOf(repository);
  const request = {
    _type: requestType,
    repository: (await repositoryId(store)) ?? newRepository,
    proposal: proposal.id,
    operation: proposal.operation,
    notes: proposal.notes,
    says: await differences(before, proposal.parts, labelOf(names)),
    names: Object.fromEntries(names),
    roots: (await rootFiles(store)).map(base64),
    context: context.map(([role, bytes]) => ({ role, file: base64(bytes) })),
    parts: proposal.parts.map(({ follows, ...part }) => ({ ...part, ...(follows === undefined ? {} : { follows }) })),
    signatures: proposal.signatures.map((each) => ({ ...each })),
  };
  return canonicalJson(request);
}

/** The current files of the roles that change, and of those that delegate to them. */
async function contextOf(repository: Repository, proposal: Proposal): Promise<[string, Uint8Array][]> {
  const view: View = { root: repository.head.root, role: async (name) => repository.role(name) };
  const delegated = await delegatedRoles(view);
  const wanted = new Set<string>();
  for (const { role } of proposal.parts) {
    for (let at: string | undefined = role; at !== undefined && at !== "root"; at = delegated.get(at)?.from) {
      wanted.add(at);
    }
  }
  // Delegating roles first, as they are verified.
  const order = ["targets", ...delegated.keys()].filter((role) => wanted.has(role));
  const files: [string, Uint8Array][] = [];
  for (const role of order) {
    const file = await repository.role(role);
    if (file !== undefined) files.push([role, file.bytes]);
  }
  return files;
}

/**
 * Reads a request and verifies it: the chain of roots, from `trusted` where it is given; the current files, by those who
 * may sign them; that the documents follow them; and that what it says of itself is what the documents change.
 * Problems `tuf/request-invalid`, `tuf/request-differs`, `tuf/request-root`.
 */
export async function readRequest(bytes: Uint8Array, trusted?: Uint8Array): Promise<SigningRequest> {
  const fields = Fields.of(parseJson(bytes, { maxBytes }), "request", code);
  fields.oneOf("_type", requestType);
  const roots = fields.array("roots", { max: maxRoots }, (value, path) => {
    const file = Fields.of({ file: value }, path, code).base64("file", { max: maxBytes });
    return parseRoot(file, maxBytes);
  });
  for (const each of roots) await prepareKeys(each.signed.keys);
  const root = verifyRoots(roots, trusted);
  const roles = new Map<string, Metadata<Targets>>();
  const view = (): View => ({ root: root!, role: async (name) => roles.get(name) });
  for (const { role, file } of fields.objects("context", { max: maxItems }, (each) => ({
    role: each.string("role"),
    file: each.base64("file", { max: maxBytes }),
  }))) {
    if (root === undefined) throw fields.problem("context", "speaks of a repository that has no root");
    const metadata = parseTargets(file, maxBytes);
    await prepareKeys(metadata.signed.delegations?.keys ?? new Map());
    await verifyContext(view(), role, metadata);
    roles.set(role, metadata);
  }
  const parts = fields.objects("parts", { max: 64, min: 1 }, parsePart);
  await demandContext(parts, root === undefined ? undefined : view(), roles, fields);
  checkFollows(parts, root, roles, fields);
  const named = fields.stringMap("names", { max: maxItems });
  for (const text of [...named.keys(), ...named.values()]) demandPlain(fields, "names", text);
  const computed = await differences({ root, role: view().role }, parts, labelOf(named));
  const says = canonicalJson(fields.json("says"));
  if (digestHex("sha256", says) !== digestHex("sha256", canonicalJson(computed.map((each) => [...each])))) {
    throw new Problem("tuf/request-differs", "the request does not say what its documents change", {
      hint: "do not sign; ask whoever sent it, by another way, what they meant to send",
    });
  }
  const [first] = roots;
  const repository = fields.string("repository");
  if (repository !== (first === undefined ? newRepository : digestHex("sha256", first.bytes)))
    throw fields.problem("repository", "is not the digest of its first root");
  const notes = fields.strings("notes", { max: maxItems });
  for (const text of [fields.string("proposal"), fields.string("operation"), ...notes])
    demandPlain(fields, "notes", text);
  return {
    repository,
    proposal: fields.string("proposal", { min: 1, max: 64 }),
    operation: fields.string("operation"),
    notes,
    names: named,
    root,
    parts,
    signatures: fields.objects("signatures", { max: maxItems }, parseSignature),
    differences: computed,
    view: { root: root ?? unsignedRoot(parts[0]!.signed), role: async (name) => roles.get(name) },
  };
}

/** What is shown before somebody signs stays in its line and steers no terminal. */
function demandPlain(fields: Fields, name: string, text: string): void {
  if (!isPlain(text)) throw fields.problem(name, "holds characters that are no text");
}

/**
 * Without the file that a document follows, what it takes away could not be seen: it has to be there for every role that
 * is there. A role that nobody has delegated to yet is new, and `targets` is new where there is no root.
 */
async function demandContext(
  parts: readonly ProposalPart[],
  view: View | undefined,
  roles: ReadonlyMap<string, Metadata<Targets>>,
  fields: Fields,
): Promise<void> {
  const known = view === undefined ? undefined : await delegatedRoles(view);
  for (const { role, version } of parts) {
    if (role === "root" || roles.has(role)) continue;
    if (known === undefined) {
      if (version !== 1) throw fields.problem("parts", `begin ${role} with version ${version}`);
    } else if (role === "targets" || known.has(role)) {
      throw fields.problem("context", `lacks the ${role} that is to be followed`);
    } else if (!roles.has("targets")) throw fields.problem("context", "lacks the targets that delegate");
  }
}

/** TUF 1.0.34 §5.3.4 and §5.3.5 over the whole chain. */
function verifyRoots(roots: readonly Metadata<Root>[], trusted: Uint8Array | undefined): Metadata<Root> | undefined {
  const rootProblem = (message: string): Problem =>
    new Problem("tuf/request-root", message, { hint: "do not sign: this is not the repository that you know" });
  const signs = (file: Metadata<Root>, by: Metadata<Root>): boolean => {
    const authority = topLevel(by, "root");
    return validSigners(file, authority).length >= authority.role.threshold;
  };
  for (const [at, root] of roots.entries()) {
    const before = roots[at - 1];
    if (before !== undefined && root.signed.version !== before.signed.version + 1) {
      throw rootProblem(`root ${root.signed.version} does not follow root ${before.signed.version}`);
    }
    if (!signs(root, root) || (before !== undefined && !signs(root, before))) {
      throw rootProblem(`root ${root.signed.version} is not signed by those who have to`);
    }
  }
  const last = roots.at(-1);
  if (trusted !== undefined) {
    const own = digestHex("sha256", trusted);
    if (!roots.some((root) => digestHex("sha256", root.bytes) === own)) {
      throw rootProblem("the root that you trust is not one of this repository");
    }
  }
  return last;
}

async function verifyContext(view: View, role: string, file: Metadata<Targets>): Promise<void> {
  const found = (await delegatedRoles(view)).get(role);
  const authority =
    role === "targets"
      ? topLevel(view.root, "targets")
      : found && { keys: found.delegations.keys, role: found.role, name: role };
  const signed = authority !== undefined && validSigners(file, authority).length >= authority.role.threshold;
  demand(signed, "tuf/request-root", `the ${role} that the request rests on is not signed by those who have to`);
}

function checkFollows(
  parts: readonly ProposalPart[],
  root: Metadata<Root> | undefined,
  roles: ReadonlyMap<string, Metadata<Targets>>,
  fields: Fields,
): void {
  let rootVersion = root?.signed.version ?? 0;
  for (const [at, { role, version, follows }] of parts.entries()) {
    const before = role === "root" ? (at === 0 ? root?.bytes : undefined) : roles.get(role)?.bytes;
    // A delegated role that comes back goes on from the version that snapshot still lists.
    const known = roles.get(role);
    const expected = role === "root" ? rootVersion + 1 : known === undefined ? version : known.signed.version + 1;
    if (role === "root") rootVersion = expected;
    const digest = before && digestHex("sha256", before);
    if (version !== expected || (digest !== undefined && digest !== follows)) {
      throw fields.problem("parts", `hold ${role} ${version}, which does not follow what the request rests on`);
    }
  }
}

/** The keys that may sign a part, as the request's documents say. */
export async function requestKeys(request: SigningRequest, part: ProposalPart): Promise<readonly Key[]> {
  if (part.role === "root") {
    const own = keysOf(topLevel(unsignedRoot(part.signed), "root"));
    const at = request.parts.indexOf(part);
    const previous = at > 0 ? unsignedRoot(request.parts[at - 1]!.signed) : request.root;
    const old = previous === undefined ? [] : keysOf(topLevel(previous, "root"));
    return [...new Map([...old, ...own].map((key) => [key.keyid, key])).values()];
  }
  const lastRoot = request.parts.findLast((each) => each.role === "root");
  const root = lastRoot === undefined ? request.view.root : unsignedRoot(lastRoot.signed);
  const next = new Map(request.parts.map((each) => [each.role, each]));
  const role = async (name: string): Promise<Metadata<Targets> | undefined> => {
    const own = next.get(name);
    return own === undefined ? request.view.role(name) : unsignedTargets(own.signed);
  };
  if (part.role === "targets") return keysOf(topLevel(root, "targets"));
  const found = (await delegatedRoles({ root, role })).get(part.role);
  return found === undefined ? [] : keysOf({ keys: found.delegations.keys, role: found.role, name: part.role });
}

/**
 * The response file: a signature by each signer over each document that it may sign.
 * Problem `tuf/signer-unknown`: none of them has a part in it.
 */
export async function createResponse(
  request: SigningRequest,
  signers: readonly MetadataSigner[],
  now: number,
): Promise<Uint8Array> {
  const signatures: JsonObject[] = [];
  for (const part of request.parts) {
    const keys = await requestKeys(request, part);
    for (const signer of signers) {
      const key = keys.find((each) => fingerprintOf(each) === fingerprintOf(signer.keyObject));
      if (key === undefined) continue;
      const { sig, extra = {} } = await signer.sign(olpcCanonicalJson(part.signed));
      const { role, version, sha256 } = part;
      signatures.push({ role, version, sha256, keyid: key.keyid, sig, extra, atMs: now });
    }
  }
  if (signatures.length === 0) {
    const label = labelOf(request.names);
    const wanted = new Set((await Promise.all(request.parts.map((part) => requestKeys(request, part)))).flat());
    throw new Problem("tuf/signer-unknown", "this key has no part in what is to be signed", {
      hint: `wanted are ${[...new Set([...wanted].map(({ keyid }) => label(keyid)))].join(", ")}`,
    });
  }
  return canonicalJson({
    _type: responseType,
    repository: request.repository,
    proposal: request.proposal,
    signatures,
  });
}

export interface SigningResponse {
  readonly repository: string;
  readonly proposal: string;
  readonly signatures: readonly (Omit<ProposalSignature, "by"> & { readonly sha256: string })[];
}

/** Problem `tuf/response-invalid`. */
export function parseResponse(bytes: Uint8Array): SigningResponse {
  const fields = Fields.of(parseJson(bytes, { maxBytes }), "response", "tuf/response-invalid");
  fields.oneOf("_type", responseType);
  return {
    repository: fields.string("repository"),
    proposal: fields.string("proposal", { min: 1, max: 64 }),
    signatures: fields.objects("signatures", { max: maxItems, min: 1 }, (each) => ({
      role: each.string("role"),
      version: each.integer("version", { min: 1 }),
      sha256: each.string("sha256", { min: 64, max: 64 }),
      keyid: each.string("keyid", { min: 1, max: 1024 }),
      sig: each.string("sig"),
      extra: parseExtra(each),
      atMs: each.integer("atMs"),
    })),
  };
}
