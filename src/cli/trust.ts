// `trust create`, `trust inspect` and `trust rotate --rehearse` on a terminal.

import { formatUtcSeconds, hex, parseJson, parseRfc3339, Problem } from "../core/index.ts";
import { parseCertificate, parsePublicKeyPem } from "../crypto/index.ts";
import { type InstanceKind, type InstanceWish, makeTrustedRoot, rehearseRotation } from "../flows/index.ts";
import {
  type AuthorityInstance,
  clientTrustConfigMediaType,
  type LogInstance,
  parseClientTrustConfig,
  parseTrustedRoot,
  prepareTrust,
  type TimeRange,
  type TrustedRoot,
} from "../sigstore/index.ts";
import type { Output } from "./output.ts";
import type { TrustRootOptions } from "./sigstore-program.ts";
import type { ConsumerVerbWorld } from "./world.ts";

const maxBundleBytes = 32 * 1024 * 1024;
const maxSmallBytes = 4 * 1024 * 1024;

/** What these verbs need beside the usual. */
export interface TrustVerbWorld extends ConsumerVerbWorld {
  /** Paths of the files below a folder, by name. */
  list(folder: string): Promise<readonly string[]>;
}

/** 0; 1 where a rehearsed rotation would lose a bundle. */
export async function trustVerb(
  verb: string,
  args: readonly string[],
  options: TrustRootOptions,
  world: TrustVerbWorld,
  out: Output,
): Promise<number> {
  if (verb === "create") return create(options as TrustRootOptions & { out: string }, world, out);
  if (verb === "inspect") return inspect(args[0] as string, world, out);
  return rotate(args[0] as string, options as TrustRootOptions & { from: string; bundles: string }, world, out);
}

async function create(
  options: TrustRootOptions & { readonly out: string },
  world: TrustVerbWorld,
  out: Output,
): Promise<number> {
  const wishes: InstanceWish[] = [];
  for (const [kind, texts] of [
    ["ca", options.ca],
    ["log", options.log],
    ["ctLog", options.ctLog],
    ["tsa", options.tsa],
  ] as const) {
    for (const text of texts ?? []) wishes.push(await wishOf(kind, text, world));
  }
  const base = options.base === undefined ? undefined : await readRoot(options.base, world);
  const bytes = makeTrustedRoot(wishes, base);
  await world.writeFile(options.out, bytes);
  report(out, parseTrustedRoot(bytes), options.out);
  return 0;
}

const wishNames = new Set(["url", "file", "start", "end", "operator", "api"]);

async function wishOf(kind: InstanceKind, text: string, world: TrustVerbWorld): Promise<InstanceWish> {
  const pairs = text.split(",").map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
  const fields = new Map(pairs as [string, string][]);
  const known = fields.size === pairs.length && [...fields.keys()].every((name) => wishNames.has(name));
  if (!known)
    throw new Problem("cli/usage", `${JSON.stringify(text)} is not url=…,file=… with start, end, operator, api`);
  const [url, file] = [fields.get("url"), fields.get("file")];
  if (url === undefined || url === "" || file === undefined)
    throw new Problem("cli/usage", `${JSON.stringify(text)} needs url= and file=`);
  const api = fields.get("api") ?? "2";
  if (api !== "1" && api !== "2") throw new Problem("cli/usage", "a log's api is 1 or 2");
  const pem = new TextDecoder().decode(await world.readFile(file, maxSmallBytes));
  // No start means from now on: a key is never trusted for a past that nobody named.
  const start = fields.get("start");
  const startMs = start === undefined ? Math.floor(world.now() / 1000) * 1000 : parseRfc3339(start);
  const end = fields.get("end");
  const validFor: TimeRange = end === undefined ? { startMs } : { startMs, endMs: parseRfc3339(end) };
  return { kind, url, pem, validFor, operator: fields.get("operator") ?? "", api: api === "1" ? 1 : 2 };
}

/** Of a trusted root, or of the client trust config that holds one. */
async function readRoot(file: string, world: TrustVerbWorld): Promise<TrustedRoot> {
  const bytes = await world.readFile(file, maxSmallBytes);
  const json = parseJson(bytes, { maxBytes: maxSmallBytes });
  const mediaType = typeof json === "object" && json !== null && "mediaType" in json ? json["mediaType"] : undefined;
  return mediaType === clientTrustConfigMediaType ? parseClientTrustConfig(bytes).trustedRoot : parseTrustedRoot(bytes);
}

async function inspect(file: string, world: TrustVerbWorld, out: Output): Promise<number> {
  report(out, await readRoot(file, world), file);
  return 0;
}

function report(out: Output, root: TrustedRoot, file: string): void {
  const { unusable } = prepareTrust(root);
  const rows = [
    ...root.certificateAuthorities.map((each) => authorityRow("certificate authority", each)),
    ...root.logs.map((each) => logRow("log", each)),
    ...root.ctLogs.map((each) => logRow("CT log", each)),
    ...root.timestampAuthorities.map((each) => authorityRow("timestamps", each)),
  ];
  out.line(`${file}: ${root.mediaType}`);
  out.table(["what", "where", "from", "until", "operator", "key"], rows);
  for (const each of unusable) out.line(out.style(`${each} cannot be used: its algorithm is not supported`, "yellow"));
  const names = ["what", "where", "from", "until", "operator", "key"] as const;
  const trusted = rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
  out.document({ file, mediaType: root.mediaType, trusted, unusable });
}

function logRow(what: string, log: LogInstance): readonly string[] {
  const key = `${log.keyDetails} ${hex(log.logId).slice(0, 16)}`;
  return [what, log.baseUrl, ...rangeCells(log.validFor), log.operator || "-", key];
}

function authorityRow(what: string, authority: AuthorityInstance): readonly string[] {
  const first = parseCertificate(authority.certificates[0] as Uint8Array);
  const key = `${first.publicKey.type}, ${authority.certificates.length} certificates`;
  return [what, authority.uri, ...rangeCells(authority.validFor), authority.operator || "-", key];
}

function rangeCells({ startMs, endMs }: TimeRange): readonly [string, string] {
  return [formatUtcSeconds(startMs), endMs === undefined ? "-" : formatUtcSeconds(endMs)];
}

async function rotate(
  file: string,
  options: TrustRootOptions & { readonly from: string; readonly bundles: string },
  world: TrustVerbWorld,
  out: Output,
): Promise<number> {
  const before = prepareTrust(await readRoot(options.from, world));
  const after = prepareTrust(await readRoot(file, world));
  const keys = [];
  for (const path of options.key ?? [])
    keys.push(parsePublicKeyPem(new TextDecoder().decode(await world.readFile(path, maxSmallBytes))));
  const stored = [];
  const paths = (await world.list(options.bundles)).filter((path) => /\.(sigstore|sigstore\.json|bundle)$/.test(path));
  if (paths.length === 0) throw new Problem("cli/usage", `there is no bundle (*.sigstore.json) in ${options.bundles}`);
  for (const path of paths) stored.push({ name: path, bytes: await world.readFile(path, maxBundleBytes) });
  const { bundles, lost } = rehearseRotation(before, after, stored, keys);
  for (const { name, result, reason } of bundles) {
    if (result === "kept") continue;
    const color = result === "lost" ? "red" : "yellow";
    out.line(`${out.style(result, color)} ${name}${reason === undefined ? "" : `: ${reason}`}`);
  }
  const count = (result: string): number => bundles.filter((each) => each.result === result).length;
  const counts = { kept: count("kept"), lost, gained: count("gained"), bad: count("bad"), unjudged: count("unjudged") };
  out.line(
    Object.entries(counts)
      .map(([name, value]) => `${value} ${name}`)
      .join(", "),
  );
  out.document({ counts, bundles });
  return lost === 0 ? 0 : 1;
}
