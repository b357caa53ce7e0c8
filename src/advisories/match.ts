// Advisories by package: one look-up a dependency, no scan over records. OSV schema 1.7.

import { isProblem } from "../core/index.ts";
import { versionOrder, type Dependency } from "../packages/index.ts";
import {
  askVersion,
  evaluateAffected,
  fixesAbove,
  prepareAffected,
  type Answer,
  type AskedVersion,
  type PreparedAffected,
} from "./evaluate.ts";
import type { Advisory, Exploited, ExploitedCatalog, Finding, Match, Unanswered } from "./model.ts";

interface Entry {
  readonly advisory: Advisory;
  readonly blocks: PreparedAffected[];
}

export interface AdvisoryIndex {
  /** Records in force: withdrawn ones are left out. */
  readonly size: number;
  /** The time of the newest record. */
  readonly modifiedMs: number;
  /** What is known about a dependency. An ecosystem without any record is unanswered, not free of findings. */
  match(dependency: Pick<Dependency, "ecosystem" | "name" | "version">): Match;
}

/** Names that the registry takes for the same package. PEP 503 for PyPI; NuGet and Packagist ignore case. */
function normalisedName(ecosystem: string, name: string): string {
  if (ecosystem === "PyPI") return name.toLowerCase().replaceAll(/[-_.]+/g, "-");
  return ecosystem === "NuGet" || ecosystem === "Packagist" ? name.toLowerCase() : name;
}

function keyOf(ecosystem: string, name: string): string {
  return `${ecosystem}\n${normalisedName(ecosystem, name)}`;
}

/**
 * The index of a set of records. The same id twice keeps the record modified last.
 * With a catalogue, findings carry `knownExploited` by any CVE among the id and its aliases, aliases of aliases
 * included (OSV: symmetric and transitive).
 */
export function createAdvisoryIndex(
  records: readonly Advisory[],
  options: { readonly exploited?: ExploitedCatalog } = {},
): AdvisoryIndex {
  const current = newest(records).filter((record) => record.withdrawnMs === undefined);
  const ecosystems = new Set<string>();
  const entries = new Map<string, Entry[]>();
  for (const advisory of current)
    for (const [key, entry] of entriesOf(advisory, ecosystems)) append(entries, key, entry);
  const exploited = options.exploited === undefined ? undefined : joinExploited(current, options.exploited);
  const lookUp = (ecosystem: string, name: string): readonly Entry[] => {
    const [base = ecosystem] = ecosystem.split(":", 1);
    const exact = entries.get(keyOf(ecosystem, name)) ?? [];
    // A record without a release suffix speaks for every release.
    return base === ecosystem ? exact : [...exact, ...(entries.get(keyOf(base, name)) ?? [])];
  };
  return {
    size: current.length,
    modifiedMs: current.reduce((latest, { modifiedMs }) => Math.max(latest, modifiedMs), 0),
    match: ({ ecosystem, name, version }) => {
      const [base = ecosystem] = ecosystem.split(":", 1);
      if (!ecosystems.has(ecosystem) && !ecosystems.has(base)) {
        return { findings: [], unanswered: [{ reason: `there is no advisory data for ecosystem ${ecosystem}` }] };
      }
      return matchEntries(lookUp(ecosystem, name), ecosystem, version, exploited);
    },
  };
}

function newest(records: readonly Advisory[]): readonly Advisory[] {
  const byId = new Map<string, Advisory>();
  for (const record of records) {
    const known = byId.get(record.id);
    if (known === undefined || known.modifiedMs < record.modifiedMs) byId.set(record.id, record);
  }
  return [...byId.values()];
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** A record may speak of one package in several blocks; they make one entry. */
function entriesOf(advisory: Advisory, ecosystems: Set<string>): ReadonlyMap<string, Entry> {
  const byKey = new Map<string, Entry>();
  for (const block of advisory.affected) {
    if (block.package === undefined) continue;
    const { ecosystem, name } = block.package;
    ecosystems.add(ecosystem);
    const key = keyOf(ecosystem, name);
    const entry = byKey.get(key) ?? { advisory, blocks: [] };
    entry.blocks.push(prepareAffected(ecosystem, block));
    byKey.set(key, entry);
  }
  return byKey;
}

/** The versions that one question touches, each parsed once. */
type Asked = (text: string) => AskedVersion;

function askOnce(): Asked {
  const known = new Map<string, AskedVersion>();
  return (text) => {
    const version = known.get(text) ?? askVersion(text);
    known.set(text, version);
    return version;
  };
}

function answer(entry: Entry, version: AskedVersion): Answer {
  const answers = entry.blocks.map((block) => evaluateAffected(block, version));
  return (
    answers.find(({ affected }) => affected === true) ??
    answers.find(({ affected }) => affected === "unanswered") ?? { affected: false }
  );
}

function matchEntries(
  entries: readonly Entry[],
  ecosystem: string,
  version: string,
  exploited: ReadonlyMap<string, Exploited> | undefined,
): Match {
  const findings: Finding[] = [];
  const unanswered: Unanswered[] = [];
  const ask = askOnce();
  for (const entry of entries) {
    const { id } = entry.advisory;
    const told = answer(entry, ask(version));
    if (told.affected === true) findings.push(finding(entry, version, ask, told.range, exploited?.get(id)));
    else if (told.affected === "unanswered") unanswered.push({ id, reason: told.reason });
  }
  const byId = (a: { readonly id?: string }, b: { readonly id?: string }) => ((a.id ?? "") < (b.id ?? "") ? -1 : 1);
  findings.sort(byId);
  unanswered.sort(byId);
  const upgrade = findings.length === 0 ? undefined : smallestClean(entries, findings, ecosystem, ask);
  return { findings, unanswered, ...(upgrade === undefined ? {} : { upgrade }) };
}

function finding(entry: Entry, version: string, ask: Asked, range: string, exploited: Exploited | undefined): Finding {
  const { id, aliases, summary, severity, malicious } = entry.advisory;
  return {
    id,
    aliases,
    summary,
    ...(severity === undefined ? {} : { severity }),
    malicious,
    ...(exploited === undefined ? {} : { knownExploited: exploited }),
    range,
    fixedVersions: fixedVersions(entry, version, ask),
  };
}

function fixedVersions(entry: Entry, version: string, ask: Asked): readonly string[] {
  const fixes = entry.blocks.flatMap((block) => fixesAbove(block, ask(version)));
  fixes.sort((a, b) => a.order.compare(a.version, b.version));
  const texts = new Set(fixes.map(({ at }) => at));
  // A version may be fixed on one branch and affected by another range of the same record.
  return [...texts].filter((at) => answer(entry, ask(at)).affected === false);
}

/** The smallest of the findings' fixed versions under which no advisory of this package falls. */
function smallestClean(
  entries: readonly Entry[],
  findings: readonly Finding[],
  ecosystem: string,
  ask: Asked,
): string | undefined {
  const order = versionOrder(ecosystem);
  if (order === undefined) return undefined;
  const candidates = [...new Set(findings.flatMap(({ fixedVersions }) => fixedVersions))].flatMap((text) => {
    try {
      return [{ text, version: ask(text).under(order) }];
    } catch (error) {
      if (isProblem(error)) return [];
      throw error;
    }
  });
  candidates.sort((a, b) => order.compare(a.version, b.version));
  return candidates.find(({ text }) => entries.every((entry) => answer(entry, ask(text)).affected === false))?.text;
}

/** Advisory id to catalogue entry, over the groups that aliases make. */
function joinExploited(records: readonly Advisory[], catalog: ExploitedCatalog): ReadonlyMap<string, Exploited> {
  const neighbours = new Map<string, string[]>();
  for (const { id, aliases } of records) {
    for (const alias of aliases) {
      append(neighbours, id, alias);
      append(neighbours, alias, id);
    }
  }
  const joined = new Map<string, Exploited>();
  for (const [cve, exploited] of catalog.entries) {
    const open = [cve];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const known = joined.get(at);
      // The earliest listing wins where a group holds several CVEs; a group is walked again only for an earlier one.
      if (known !== undefined && known.dateAdded <= exploited.dateAdded) continue;
      joined.set(at, exploited);
      open.push(...(neighbours.get(at) ?? []));
    }
  }
  return joined;
}
