// "Is this version affected?": the evaluation algorithm of OSV schema 1.7, for one `affected` block.
// Versions of events are parsed once, when the block is prepared. What cannot be ordered is told, never passed over.

import { isProblem } from "../core/index.ts";
import { semVerOrder, versionOrder, type ParsedVersion, type VersionOrder } from "../packages/index.ts";
import type { Affected, AffectedRange, RangeEvent } from "./model.ts";

interface PreparedEvent extends RangeEvent {
  /** Undefined stands below every version (`introduced: 0`) and is used for nothing else. */
  readonly version: ParsedVersion | undefined;
}

interface PreparedRange {
  readonly order: VersionOrder;
  /** introduced, fixed and last_affected, in the order of their versions. */
  readonly events: readonly PreparedEvent[];
  readonly limits: readonly ParsedVersion[];
}

export interface PreparedAffected {
  readonly ranges: readonly PreparedRange[];
  readonly versions: ReadonlySet<string>;
  /** Why a range of the block cannot be evaluated. */
  readonly unanswered?: string;
}

export type Answer =
  | { readonly affected: true; readonly range: string }
  | { readonly affected: false }
  | { readonly affected: "unanswered"; readonly reason: string };

/** A version asked about, parsed once under each order however many ranges look at it. */
export interface AskedVersion {
  readonly text: string;
  /** Problem `packages/version-invalid`. */
  under(order: VersionOrder): ParsedVersion;
}

export function askVersion(text: string): AskedVersion {
  const parsed = new Map<VersionOrder, ParsedVersion>();
  return {
    text,
    under(order) {
      const version = parsed.get(order) ?? order.parse(text);
      parsed.set(order, version);
      return version;
    },
  };
}

/** Makes a block ready for many questions. Never throws: what cannot be prepared becomes `unanswered`. */
export function prepareAffected(ecosystem: string, block: Affected): PreparedAffected {
  const ranges: PreparedRange[] = [];
  const reasons: string[] = [];
  // A commit has no place in an order of versions; GIT ranges count only where nothing else is said.
  const usable = block.ranges.filter((range) => range.type !== "GIT");
  for (const range of usable) {
    const prepared = prepareRange(ecosystem, range);
    if (typeof prepared === "string") reasons.push(prepared);
    else ranges.push(prepared);
  }
  if (usable.length === 0 && block.versions.length === 0) {
    reasons.push(block.ranges.length === 0 ? "it says no versions" : "its only ranges are of commits");
  }
  const [unanswered] = reasons;
  return { ranges, versions: new Set(block.versions), ...(unanswered === undefined ? {} : { unanswered }) };
}

function prepareRange(ecosystem: string, range: AffectedRange): PreparedRange | string {
  const order = range.type === "SEMVER" ? semVerOrder : versionOrder(ecosystem);
  if (order === undefined) return `the version order of ecosystem ${ecosystem} is not known`;
  try {
    const limits = range.events.filter(({ kind, at }) => kind === "limit" && at !== "*");
    return {
      order,
      events: range.events
        .filter(({ kind }) => kind !== "limit")
        .map((event) => ({ ...event, version: isStart(event) ? undefined : order.parse(event.at) }))
        .sort((a, b) => compareEvents(order, a, b)),
      // A limit of "*" is none, whatever stands beside it.
      limits: range.events.some(({ kind, at }) => kind === "limit" && at === "*")
        ? []
        : limits.map(({ at }) => order.parse(at)),
    };
  } catch (error) {
    if (isProblem(error)) return `its range holds ${error.message}`;
    throw error;
  }
}

function isStart(event: RangeEvent): boolean {
  return event.kind === "introduced" && event.at === "0";
}

// At one version "fixed" comes first and "last_affected" last, so that ranges which touch leave no gap and a range
// of a single version ends.
const tie = { fixed: 0, introduced: 1, last_affected: 2, limit: 3 } as const;

function compareEvents(order: VersionOrder, a: PreparedEvent, b: PreparedEvent): number {
  if (a.version === undefined || b.version === undefined) {
    return Number(a.version !== undefined) - Number(b.version !== undefined);
  }
  return order.compare(a.version, b.version) || tie[a.kind] - tie[b.kind];
}

/** OSV schema, "Evaluation": listed, or inside a range and before its limits. */
export function evaluateAffected(block: PreparedAffected, version: AskedVersion): Answer {
  if (block.versions.has(version.text)) return { affected: true, range: `= ${version.text}` };
  let reason = block.unanswered;
  for (const range of block.ranges) {
    try {
      const hit = rangeOf(range, version.under(range.order));
      if (hit !== undefined) return { affected: true, range: hit };
    } catch (error) {
      if (!isProblem(error)) throw error;
      reason ??= error.message;
    }
  }
  return reason === undefined ? { affected: false } : { affected: "unanswered", reason };
}

/** The stretch of the range that holds the version, in words; undefined when none does. */
function rangeOf({ order, events, limits }: PreparedRange, version: ParsedVersion): string | undefined {
  if (limits.length > 0 && !limits.some((limit) => order.compare(version, limit) < 0)) return undefined;
  let introduced: PreparedEvent | undefined;
  let end: PreparedEvent | undefined;
  for (const event of events) {
    const position = event.version === undefined ? 1 : order.compare(version, event.version);
    if (event.kind === "introduced" && position >= 0) introduced = event;
    else if (event.kind === "fixed" && position >= 0) introduced = undefined;
    else if (event.kind === "last_affected" && position > 0) introduced = undefined;
    else if (event.kind !== "introduced") end ??= event;
  }
  if (introduced === undefined) return undefined;
  const start = `>= ${introduced.at}`;
  if (end === undefined) return start;
  return `${start}, ${end.kind === "fixed" ? "<" : "<="} ${end.at}`;
}

/** Every fixed version of the block above this one, each with its place in the order. */
export function fixesAbove(
  block: PreparedAffected,
  version: AskedVersion,
): readonly { readonly at: string; readonly version: ParsedVersion; readonly order: VersionOrder }[] {
  return block.ranges.flatMap(({ order, events }) => {
    try {
      const from = version.under(order);
      return events.flatMap(({ kind, at, version: fix }) =>
        kind === "fixed" && fix !== undefined && order.compare(fix, from) > 0 ? [{ at, version: fix, order }] : [],
      );
    } catch (error) {
      if (isProblem(error)) return [];
      throw error;
    }
  });
}
