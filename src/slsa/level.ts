// SlsaResult, SLSA v1.2 spec/verification_summary: `SLSA_<TRACK>_LEVEL_<N>` or `_UNEVALUATED`, verified properties,
// `FAILED`, and custom values that do not start with `SLSA_`. Source level 4 counts, though one page stops at 3.

import { Problem } from "../core/index.ts";

const levelForm = /^SLSA_([A-Z][A-Z0-9_]*?)_LEVEL_(\d{1,2}|UNEVALUATED)$/;
const properties: ReadonlySet<string> = new Set(["SLSA_SOURCE_TWO_PARTY_REVIEWED", "SLSA_BUILD_REPRODUCED"]);

interface TrackLevel {
  readonly track: string;
  /** Undefined where the issuer makes no claim (`UNEVALUATED`). */
  readonly level: number | undefined;
}

function trackLevel(result: string): TrackLevel | undefined {
  const match = levelForm.exec(result);
  if (match === null) return undefined;
  return { track: match[1]!, level: match[2] === "UNEVALUATED" ? undefined : Number(match[2]) };
}

/** Refuses two results of one track ("MUST NOT include more than one level per SLSA track"). Problem `slsa/vsa-invalid`. */
export function checkLevels(results: readonly string[]): void {
  const tracks = results.flatMap((result) => trackLevel(result)?.track ?? []);
  if (new Set(tracks).size === tracks.length) return;
  throw new Problem("slsa/vsa-invalid", `verified levels have two of one track: ${results.join(", ")}`);
}

/** Refuses what an issuer must not make up: an unknown value that starts with `SLSA_`. Problem `slsa/vsa-invalid`. */
export function checkIssuable(results: readonly string[]): void {
  const made = results.find(
    (result) => result.startsWith("SLSA_") && trackLevel(result) === undefined && !properties.has(result),
  );
  if (made !== undefined) throw new Problem("slsa/vsa-invalid", `"${made}" is no SLSA result`);
}

/** True when the results hold the expected one, or a higher level of its track, which implies it. */
export function includesLevel(results: readonly string[], expected: string): boolean {
  if (results.includes(expected)) return true;
  const wanted = trackLevel(expected);
  if (wanted?.level === undefined) return false;
  const { track, level } = wanted;
  return results.some((result) => {
    const found = trackLevel(result);
    return found?.track === track && found.level !== undefined && found.level >= level;
  });
}
