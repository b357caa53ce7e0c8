// Time is a number of milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted, and always handed in.
// RFC 3339; TUF 1.0.34 §4.2.1 and in-toto layouts allow exactly one form of it.

import { Problem } from "./problem.ts";

const utcSeconds = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})Z$/;
const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

function invalid(text: string): Problem {
  return new Problem("core/time-invalid", `not a valid time: ${JSON.stringify(text.slice(0, 40))}`);
}

function instant(text: string, parts: readonly (string | undefined)[]): number {
  const [year, month, day, hour, minute, second] = parts.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const back = new Date(ms);
  // Date.UTC carries 31 February over into March, and reads years below 100 as 19xx; both come back different.
  const same =
    back.getUTCFullYear() === year &&
    back.getUTCMonth() === month - 1 &&
    back.getUTCDate() === day &&
    back.getUTCHours() === hour &&
    back.getUTCMinutes() === minute &&
    back.getUTCSeconds() === second;
  if (!same) throw invalid(text);
  return ms;
}

/** Milliseconds of exactly `YYYY-MM-DDTHH:MM:SSZ`. Problem `core/time-invalid`. */
export function parseUtcSeconds(text: string): number {
  const match = utcSeconds.exec(text);
  if (match === null) throw invalid(text);
  return instant(text, match.slice(1, 7));
}

/** Milliseconds of any RFC 3339 date-time; digits past the millisecond are cut. Problem `core/time-invalid`. */
export function parseRfc3339(text: string): number {
  const match = rfc3339.exec(text);
  if (match === null) throw invalid(text);
  const fraction = match[7] === undefined ? 0 : Math.floor(Number(`0${match[7]}`) * 1000);
  const hours = Number(match[9] ?? 0);
  const minutes = Number(match[10] ?? 0);
  if (hours > 23 || minutes > 59) throw invalid(text);
  const offsetMs = (match[8] === "-" ? -1 : 1) * (hours * 60 + minutes) * 60_000;
  return instant(text, match.slice(1, 7)) + fraction - offsetMs;
}

/** `YYYY-MM-DDTHH:MM:SSZ`, the part below a second cut. */
export function formatUtcSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

export const secondMs = 1000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
