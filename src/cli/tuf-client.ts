// The client side of `tuf`: refresh, download, verify a mirror, and carry one from place to place. Whatever is read is
// verified from a root that was handed over, and a mirror needs no network.

import { formatUtcSeconds, isProblem, parseRfc3339, Problem } from "../core/index.ts";
import { trustedIdentities } from "../flows/index.ts";
import {
  createMemoryStore,
  exportMirror,
  type ExportSummary,
  importMirror,
  type MirrorSink,
  type TufClient,
  update,
} from "../tuf/index.ts";
import type { ExitCode, Output } from "./output.ts";
import type { TufCall, TufSource } from "./tuf-world.ts";

const identities = { delegatedIdentities: trustedIdentities };
const roles = ["root", "timestamp", "snapshot", "targets"] as const;

/** The time that counts: `--at`, or now. */
function timeOf({ options, world }: TufCall): number {
  if (options.at === undefined) return world.now();
  try {
    return parseRfc3339(options.at);
  } catch (cause) {
    if (!isProblem(cause)) throw cause;
    throw new Problem("cli/usage", `--at ${options.at} is no time`, { hint: "such as 2030-01-01T00:00:00Z" });
  }
}

function rolesOf({ trusted }: TufClient) {
  return roles.map((role) => {
    const { version, expiresMs } = trusted[role].signed;
    return { role, version, expires: formatUtcSeconds(expiresMs) };
  });
}

function tellRoles(out: Output, client: TufClient): void {
  for (const { role, version, expires } of rolesOf(client))
    out.line(`  ${role.padEnd(10)} ${version}  until ${expires}`);
}

/** One update. Exit code 0; Problems as of `update`. */
export async function refreshVerb(call: TufCall): Promise<ExitCode> {
  const client = await call.world.client.openTrust(call.options);
  call.out.line(`${call.out.style("up to date", "green")}`);
  tellRoles(call.out, client);
  call.out.document({ roles: rolesOf(client) });
  return 0;
}

/** Targets into a folder, each only when its length and hashes are those listed. */
export async function downloadVerb(call: TufCall): Promise<ExitCode> {
  const { args, options, world, out } = call;
  const client = await world.client.openTrust(options);
  const folder = options.out ?? ".";
  const done: object[] = [];
  for (const path of args) {
    const target = await client.findTarget(path);
    if (target === undefined) {
      throw new Problem("tuf/target-not-found", `the repository has no target ${path}`, {
        hint: "a role that is delegated to lists only what its patterns cover",
      });
    }
    const { kept } = await client.downloadTo(target, world.client.targetSink(folder, path));
    const sha256 = target.hashes.get("sha256");
    out.line(
      `${path} is in ${folder}${kept ? ", unchanged" : ""} (${target.length} bytes, sha256 ${sha256 ?? "not listed"})`,
    );
    done.push({ path, length: target.length, hashes: Object.fromEntries(target.hashes), kept });
  }
  out.document({ folder, targets: done });
  return 0;
}

async function withSource<T>(
  call: TufCall,
  mirror: string | undefined,
  act: (source: TufSource, bootstrap: Uint8Array) => Promise<T>,
): Promise<T> {
  const bootstrap = await call.world.client.readRoot(call.options);
  const source = await call.world.client.openSource(mirror, call.options.dir);
  try {
    return await act(source, bootstrap);
  } finally {
    await source.close();
  }
}

/** Follows a mirror from the root and reads every role and target. Exit code 1 when something does not verify. */
export function verifyMirrorVerb(call: TufCall): Promise<ExitCode> {
  return withSource(
    call,
    call.args[0] ?? call.options.mirror,
    async ({ fetcher, name }, bootstrap): Promise<ExitCode> => {
      const now = timeOf(call);
      const client = await update({ bootstrap, fetcher, store: createMemoryStore(), now, ...identities });
      const summary = await exportMirror(client, nowhere, { skipMissing: call.options.partial === true });
      call.out.line(`${call.out.style("verified", "green")} ${name} at ${formatUtcSeconds(now)}`);
      tellRoles(call.out, client);
      call.out.line(`  ${told(summary)}`);
      call.out.document({
        verified: true,
        mirror: name,
        at: formatUtcSeconds(now),
        roles: rolesOf(client),
        contents: summary,
      });
      return 0;
    },
  );
}

function told({ roots, roles: files, targets, targetBytes }: ExportSummary): string {
  return `${roots} roots, ${files} other metadata files, ${targets} targets of ${targetBytes} bytes`;
}

/** Reads everything and keeps nothing. */
const nowhere: MirrorSink = {
  write: async () => undefined,
  target: () => ({
    read: async () => undefined,
    create: async () => ({
      write: async () => undefined,
      commit: async () => undefined,
      discard: async () => undefined,
    }),
  }),
  publish: async () => undefined,
  discard: async () => undefined,
};

/** A mirror as a folder or, for a name that ends in .tar, as an archive; whole, or what some targets need. */
export function exportVerb(call: TufCall): Promise<ExitCode> {
  const { args, options, out, world } = call;
  const [place = ""] = args;
  return withSource(call, options.mirror, async ({ fetcher, name }, bootstrap): Promise<ExitCode> => {
    const store = createMemoryStore();
    const client = await update({ bootstrap, fetcher, store, now: timeOf(call), ...identities });
    const sink = options.dryRun === true ? nowhere : world.client.mirrorSink(place);
    const summary = await exportMirror(client, sink, options.target === undefined ? {} : { targets: options.target });
    const isDry = options.dryRun === true;
    out.line(`${isDry ? "would be written to" : "written to"} ${place}: ${told(summary)}, from ${name}`);
    out.line(
      `  good until ${formatUtcSeconds(client.trusted.timestamp.signed.expiresMs)}; then it needs a newer timestamp`,
    );
    out.document({ to: place, from: name, written: !isDry, roles: rolesOf(client), contents: summary });
    return 0;
  });
}

/** Takes a mirror over into a folder when all that is in it verifies and nothing goes back. */
export function importVerb(call: TufCall): Promise<ExitCode> {
  const { args, options, out, world } = call;
  const [from = "", place] = args;
  if (place === undefined) throw new Problem("cli/usage", "say which folder the mirror goes to");
  return withSource(call, from, async ({ fetcher, name }, bootstrap): Promise<ExitCode> => {
    const sink = options.dryRun === true ? nowhere : world.client.mirrorSink(place);
    const current = world.client.folderFetcher(place);
    const source = { bootstrap, source: fetcher, current, sink, now: timeOf(call) };
    const summary = await importMirror({ ...source, ...identities });
    out.line(`${options.dryRun === true ? "would be taken" : "taken"} from ${name} into ${place}: ${told(summary)}`);
    out.document({ from: name, to: place, written: options.dryRun !== true, contents: summary });
    return 0;
  });
}
