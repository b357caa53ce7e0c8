// The verbs of `tuf` by which people who are not in one place sign together: invitations and requests go out as files,
// responses come in as files. `respond` needs no organisation's folder and no network.

import { equalBytes, formatUtcSeconds, isJsonObject, parseJson, Problem } from "../core/index.ts";
import {
  acceptanceType,
  acceptInvitation,
  createInvitation,
  createRequest,
  createResponse,
  discardCeremony,
  discardProposal,
  encodeInvitation,
  findProposal,
  fingerprintOf,
  invitationRecord,
  invitationType,
  type KeyHolder,
  keyDigest,
  labelOf,
  newRepository,
  openIfThere,
  type Outcome,
  parseAcceptance,
  parseInvitation,
  parseWanted,
  readCeremony,
  readInvitations,
  readKeyNames,
  readProposals,
  readRequest,
  type ProposalPart,
  receiveAcceptance,
  receiveResponse,
  record,
  repositoryId,
  requestType,
  responseType,
  shortDigest,
  showProposal,
  signProposal,
  type TufWorld,
  untilCommitted,
} from "../flows/index.ts";
import type { Key, MetadataSigner, RepositoryStore } from "../tuf/index.ts";
import type { ExitCode } from "./output.ts";
import { flowWorld, withStore } from "./tuf-change.ts";
import { reportDocuments, reportOutcome } from "./tuf-report.ts";
import type { TufCall } from "./tuf-world.ts";

const maxFileBytes = 128 * 1024 * 1024;

/** Makes an invitation for each name, as a record and as a file to be handed over. */
export function inviteVerb(call: TufCall): Promise<ExitCode> {
  return withStore<ExitCode>(call, (store) => invite(call, store, call.args), { create: true });
}

export async function invite(call: TufCall, store: RepositoryStore, names: readonly string[]): Promise<ExitCode> {
  const { world, out, options } = call;
  const made: object[] = [];
  for (const name of names) {
    const repository = (await repositoryId(store)) ?? newRepository;
    const known = (await readInvitations(store)).find((each) => each.name === name && each.accepted === undefined);
    const invitation = known ?? createInvitation(name, repository, world.random, world.now());
    const file = names.length === 1 && options.out !== undefined ? options.out : `${name}.invitation.json`;
    if (options.dryRun !== true) {
      if (known === undefined) {
        await untilCommitted(async () => {
          const records = new Map([[invitationRecord(invitation.id), encodeInvitation(invitation)]]);
          const event = { operation: "invite", name, invitation: invitation.id };
          await record({ store, now: world.now() }, await store.revision(), records, event);
        });
      }
      await world.writeFile(file, encodeInvitation(invitation));
    }
    const isDry = options.dryRun === true;
    out.line(isDry ? `${name} would be invited, by ${file}` : `${name} is invited: hand over ${file}`);
    out.line(
      `  good until ${formatUtcSeconds(invitation.expiresMs)}; they run sealwright tuf respond ${file} --key KEY`,
    );
    out.line(`  and their answer comes in here with sealwright tuf receive FILE`);
    made.push({ name, invitation: invitation.id, file, expiresMs: invitation.expiresMs });
  }
  out.document({ invitations: made });
  return 0;
}

/** Writes the request for a proposal. */
export function requestVerb(call: TufCall): Promise<ExitCode> {
  return withStore<ExitCode>(call, async (store) => {
    const { args, out } = call;
    const shown = await showProposal(flowWorld(call, store), args[0]);
    const { proposal, missing } = shown;
    reportDocuments(out, proposal, shown.differences);
    for (const line of missing) out.line(`  ${line}`);
    const file = await writeRequest(call, store, shown);
    const documents = proposal.parts.map(({ role, version, sha256 }) => ({ role, version, sha256 }));
    out.document({ proposal: proposal.id, file, documents, missing });
    return 0;
  });
}

/** The request file, and what to do with it. */
export async function writeRequest(call: TufCall, store: RepositoryStore, shown: Outcome): Promise<string> {
  const { options, out, world } = call;
  const { proposal, names } = shown;
  const file = options.out ?? `${proposal.id}.request.json`;
  const bytes = await createRequest(store, await openIfThere(store), proposal, names);
  if (options.dryRun !== true) await world.writeFile(file, bytes);
  out.line(`the request is in ${file}; who signs runs sealwright tuf respond ${file} --key KEY`);
  out.line("  and should see the same digests as above");
  return file;
}

/** Answers an invitation or a request, on any machine. */
export async function respondVerb(call: TufCall): Promise<ExitCode> {
  const { args, options, world, out } = call;
  const [file = ""] = args;
  const references = options.key ?? [];
  const bytes = await world.readFile(file, maxFileBytes);
  const kind = typeOf(bytes);
  if (kind === invitationType) return acceptHere(call, file, bytes, references);
  if (kind !== requestType) {
    throw new Problem("tuf/request-invalid", `${file} is neither an invitation nor a request`, {
      hint: kind === responseType || kind === acceptanceType ? `it is a response: sealwright tuf receive ${file}` : "",
    });
  }
  const trusted = options.root === undefined ? undefined : await world.readFile(options.root, maxFileBytes);
  const request = await readRequest(bytes, trusted);
  const repositoryName = request.repository === newRepository ? "a repository that is about to be made" : "";
  out.line(
    request.root === undefined
      ? repositoryName
      : `repository ${request.repository.slice(0, 16)}, root ${request.root.signed.version} until ${formatUtcSeconds(request.root.signed.expiresMs)}`,
  );
  if (trusted === undefined && request.root !== undefined) {
    out.line(
      `  ${out.style("note", "yellow")}: its roots were followed from the first one in the request; with --root root.json from one that you know`,
    );
  }
  reportDocuments(
    out,
    { id: request.proposal, operation: request.operation, parts: request.parts, notes: request.notes },
    request.differences,
  );
  out.line("what changes was computed here, from the documents; names of keys are those of the request");
  if (options.expect !== undefined) demandDigests(request.parts, options.expect);
  if (options.dryRun === true || references.length === 0) {
    out.line(references.length === 0 ? "nothing was signed: say with --key which key signs" : "nothing was signed");
    out.document({
      proposal: request.proposal,
      signed: false,
      documents: request.parts.map(({ role, version, sha256 }, at) => ({
        role,
        version,
        sha256,
        changes: request.differences[at],
      })),
    });
    return options.dryRun === true ? 0 : 2;
  }
  demandGrounds(options, request.root !== undefined);
  await confirm(call, "Are these the digests that you were told, and is this what you want to sign?");
  const signers = [];
  for (const reference of references) signers.push((await world.openKey(reference, options.dir)).signer);
  const response = await createResponse(request, signers, world.now());
  const target = options.out ?? file.replace(/(?:\.request)?\.json$/, "") + ".response.json";
  await world.writeFile(target, response);
  const label = labelOf(request.names);
  const by = signers.map(({ keyObject }) => label(keyObject.keyid));
  out.line(
    `${out.style("signed", "green")} by ${by.join(", ")}; take ${target} back: sealwright tuf receive ${target}`,
  );
  out.document({
    proposal: request.proposal,
    signed: true,
    file: target,
    by: signers.map(({ keyObject }) => keyObject.keyid),
  });
  return 0;
}

/** A request alone proves nothing: somebody has to know the repository, or the digest. Problem `cli/usage`. */
function demandGrounds({ root, expect, yes }: TufCall["options"], hasRoot: boolean): void {
  if (yes === true || expect !== undefined || (hasRoot && root !== undefined)) return;
  const first = "give --expect DIGEST with the digest that you were told, or --yes if you have compared it";
  throw new Problem("cli/usage", "nothing was signed: nothing but the request itself says that it is the right one", {
    hint: hasRoot ? `give --root FILE with a root that you know; or ${first.replace("give ", "")}` : first,
  });
}

/** Every document is one that was expected, and every one that was expected is there: all of them will be signed. */
function demandDigests(parts: readonly ProposalPart[], expected: readonly string[]): void {
  const wanted = expected.map((each) => each.replaceAll(/[\s:-]/g, "").toLowerCase());
  const fits = (digest: string, { sha256 }: ProposalPart): boolean => digest.length >= 32 && sha256.startsWith(digest);
  const unexpected = parts.find((part) => !wanted.some((digest) => fits(digest, part)));
  if (unexpected === undefined && wanted.every((digest) => parts.some((part) => fits(digest, part)))) return;
  const what =
    unexpected === undefined
      ? "the request lacks a document whose digest was expected"
      : `${unexpected.role} ${unexpected.version} has a digest that was not expected`;
  throw new Problem("tuf/request-differs", what, {
    hint: "do not sign; ask by another way which digests there should be, and give --expect for each document",
  });
}

async function acceptHere(
  call: TufCall,
  file: string,
  bytes: Uint8Array,
  references: readonly string[],
): Promise<ExitCode> {
  const { world, out, options } = call;
  const invitation = parseInvitation(bytes);
  out.line(`invitation of ${out.style(invitation.name, "bold")}, good until ${formatUtcSeconds(invitation.expiresMs)}`);
  const [reference] = references;
  if (reference === undefined || references.length > 1) {
    throw new Problem("cli/usage", "an invitation is answered with one key: say with --key where it is", {
      hint: "--key new:FILE makes one, encrypted where a passphrase is given; or file:PATH, pkcs11:..., vault://...",
    });
  }
  const { signer } = await world.openKey(reference, options.dir, { isRehearsal: options.dryRun === true });
  if (options.dryRun === true) {
    out.line("nothing was signed, and nothing has been written");
    out.document({ invitation: invitation.id, key: signer.keyObject.keyid, signed: false });
    return 0;
  }
  const acceptance = await acceptInvitation(invitation, signer, world.now());
  const target = options.out ?? file.replace(/(?:\.invitation)?\.json$/, "") + ".acceptance.json";
  await world.writeFile(target, acceptance);
  const digest = keyDigest(signer.keyObject);
  out.line(`  your key   ${shortDigest(digest)}`);
  out.line(`take ${target} back, and tell them these digits by another way: sealwright tuf receive ${target}`);
  out.document({ invitation: invitation.id, key: signer.keyObject.keyid, digest, file: target, signed: true });
  return 0;
}

function typeOf(bytes: Uint8Array): string | undefined {
  const value = parseJson(bytes, { maxBytes: maxFileBytes });
  const type = isJsonObject(value) ? value["_type"] : undefined;
  return typeof type === "string" ? type : undefined;
}

/** Takes responses in, each by itself; the exit code is that of the last. */
export function receiveVerb(call: TufCall): Promise<ExitCode> {
  return withStore<ExitCode>(call, async (store) => {
    const { args, out } = call;
    if (args.length === 1) return receiveFile(call, store, args[0]!);
    const received: unknown[] = [];
    const collecting = Object.assign(Object.create(out) as typeof out, {
      document: (value: unknown) => void received.push(value),
    });
    let exit: ExitCode = 0;
    for (const file of args) exit = await receiveFile({ ...call, out: collecting }, store, file);
    out.document({ received });
    return exit;
  });
}

export async function receiveFile(call: TufCall, store: RepositoryStore, file: string): Promise<ExitCode> {
  const { world, out } = call;
  const bytes = await world.readFile(file, maxFileBytes);
  const kind = typeOf(bytes);
  if (kind === responseType) {
    if (call.options.dryRun === true)
      throw new Problem("cli/usage", "receive checks before it takes anything in; it has no rehearsal");
    return reportOutcome(call, await receiveResponse(flowWorld(call, store), bytes, file));
  }
  if (kind !== acceptanceType) {
    throw new Problem("tuf/response-invalid", `${file} is no response`, {
      hint:
        kind === requestType || kind === invitationType ? `answer it: sealwright tuf respond ${file} --key KEY` : "",
    });
  }
  const accepted = await untilCommitted(async () => {
    const base = await store.revision();
    const invitation = await receiveAcceptance(store, parseAcceptance(bytes), world.now());
    const before = await store.readRecord(invitationRecord(invitation.id));
    const after = encodeInvitation(invitation);
    if (before === undefined || !equalBytes(before, after)) {
      const event = { operation: "accept", name: invitation.name, key: invitation.accepted!.keyid };
      await record({ store, now: world.now() }, base, new Map([[invitationRecord(invitation.id), after]]), event);
    }
    return invitation;
  });
  const digest = keyDigest(accepted.accepted!);
  out.line(
    `${out.style(accepted.name, "bold")} holds the key ${accepted.accepted!.keyid.slice(0, 16)} (${accepted.accepted!.keytype})`,
  );
  out.line(`  their key  ${shortDigest(digest)}   compare it with what they read to you`);
  out.line(`next: sealwright tuf key add ROLE ${accepted.name}, or sealwright tuf ceremony`);
  out.document({ name: accepted.name, key: accepted.accepted!.keyid, digest });
  return 0;
}

/** Signs with the keys at hand, and finishes what is ready. */
export function signVerb(call: TufCall): Promise<ExitCode> {
  return withStore(call, async (store) => {
    const world = await withKeys(call, flowWorld(call, store));
    const shown = await showProposal(world, call.args[0]);
    if (call.options.dryRun === true) {
      reportDocuments(call.out, shown.proposal, shown.differences);
      call.out.document({ proposal: shown.proposal.id, missing: shown.missing });
      return 0;
    }
    if (call.world.ask !== undefined && call.options.yes !== true) {
      reportDocuments(call.out, shown.proposal, shown.differences);
      await confirm(call, "Sign this?");
    }
    // What was shown, and nothing that took its place meanwhile.
    const digests = shown.proposal.parts.map(({ sha256 }) => sha256);
    return reportOutcome(call, await signProposal(world, shown.proposal.id, digests));
  });
}

/** Keys that are named for this once, such as one on a stick, beside those that the repository knows the places of. */
async function withKeys(call: TufCall, flow: TufWorld): Promise<TufWorld> {
  const { options, world } = call;
  const signers: MetadataSigner[] = [];
  for (const reference of options.dryRun === true ? [] : (options.key ?? [])) {
    signers.push((await world.openKey(reference, options.dir)).signer);
  }
  if (signers.length === 0) return flow;
  return {
    ...flow,
    keyring: (references) => {
      const usual = flow.keyring(references);
      const named = (key: Key) => signers.find((each) => fingerprintOf(each.keyObject) === fingerprintOf(key));
      return {
        signer: async (key) => named(key) ?? usual.signer(key),
        where: (keyid) => usual.where(keyid),
        opens: (keyid) => usual.opens(keyid),
      };
    },
  };
}

/** Problem `cli/declined`. Where nobody can be asked, the arguments have said it. */
export async function confirm({ world, options }: TufCall, question: string): Promise<void> {
  if (options.yes === true || world.ask === undefined) return;
  const answer = (await world.ask(`${question} [y/N] `)).trim().toLowerCase();
  if (answer === "y" || answer === "yes") return;
  throw new Problem("cli/declined", "nothing was signed, and nothing has changed");
}

/** What waits: a list, one in full, or one taken back. */
export function proposalsVerb(call: TufCall): Promise<ExitCode> {
  return withStore(call, async (store) => {
    const { out, args } = call;
    const [action, id] = args;
    const world = flowWorld(call, store);
    if (action === "discard") return discard(call, store, id);
    if (action === "show") {
      const shown = await showProposal(world, id);
      reportDocuments(out, shown.proposal, shown.differences);
      for (const line of shown.missing) out.line(`  ${line}`);
      for (const { atMs, what } of shown.proposal.steps) out.line(`  ${formatUtcSeconds(atMs)}  ${what}`);
      const { proposal, differences, missing } = shown;
      out.document({ proposal: { ...proposal }, differences, missing });
      return 0;
    }
    if (action !== undefined) throw new Problem("cli/usage", `${action} is not one of show, discard`);
    return listProposals(call, store);
  });
}

/** A proposal; before there is a root the whole ceremony. */
async function discard(call: TufCall, store: RepositoryStore, id: string | undefined): Promise<ExitCode> {
  const { out } = call;
  const isDry = call.options.dryRun === true;
  const world = flowWorld(call, store);
  const begun = (await openIfThere(store)) === undefined ? await readCeremony(store) : undefined;
  if (begun !== undefined) {
    if (id !== undefined && id !== "ceremony") await findProposal(store, id);
    if (!isDry) await discardCeremony(world, begun);
    out.line(`the ceremony ${isDry ? "would be" : "is"} abandoned, with its invitations and what waits for signatures`);
    out.line("  keys that were made for it stay where they are; they sign nothing");
    out.document({ discarded: "ceremony", written: !isDry });
    return 0;
  }
  const found = isDry ? await findProposal(store, id) : await discardProposal(world, id);
  out.line(`${found.operation} ${found.id} ${isDry ? "would be" : "is"} taken back; nothing changes for clients`);
  out.document({ discarded: found.id, written: !isDry });
  return 0;
}

async function listProposals(call: TufCall, store: RepositoryStore): Promise<ExitCode> {
  const { out } = call;
  const proposals = await readProposals(store);
  const invitations = await readInvitations(store);
  if (proposals.length === 0) out.line("no proposal waits for a signature");
  for (const { id, operation, createdMs, parts } of proposals) {
    const documents = parts.map(({ role, version }) => `${role} ${version}`).join(", ");
    out.line(`${id}  ${operation}  ${formatUtcSeconds(createdMs)}  ${documents}`);
  }
  for (const { name, expiresMs, accepted } of invitations) {
    const state =
      accepted === undefined ? `open until ${formatUtcSeconds(expiresMs)}` : `holds ${accepted.keyid.slice(0, 16)}`;
    out.line(`invitation of ${name}: ${state}`);
  }
  const names = await readKeyNames(store);
  out.document({
    proposals: proposals.map(({ id, operation, createdMs, parts, signatures, args }) => ({
      id,
      operation,
      createdMs,
      documents: parts.map(({ role, version, sha256 }) => ({ role, version, sha256 })),
      signatures: signatures.map(({ role, version, keyid }) => ({ role, version, keyid, name: names.get(keyid) })),
      holders: parseWanted(args).holders satisfies readonly KeyHolder[],
    })),
    invitations: invitations.map(({ id, name, expiresMs, accepted }) => ({
      id,
      name,
      expiresMs,
      key: accepted?.keyid,
    })),
  });
  return 0;
}
