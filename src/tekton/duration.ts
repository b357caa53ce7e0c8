// Durations as metav1.Duration writes them: Go's time.ParseDuration, without a sign.

import { Problem } from "../core/index.ts";

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const part = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/gy;

/** Milliseconds of a text such as `1h30m`. Problem `tekton/invalid`. */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  let total = 0;
  part.lastIndex = 0;
  let at = 0;
  for (let match = part.exec(text); match !== null; match = part.exec(text)) {
    total += Number(match[1]) * units[match[2]!]!;
    at = part.lastIndex;
  }
  if (text === "" || at !== text.length || !Number.isFinite(total)) {
    throw new Problem("tekton/invalid", `${JSON.stringify(text.slice(0, 40))} is not a duration such as 1h30m`);
  }
  return Math.ceil(total);
}

/** The text Go prints for it, as Tekton's messages quote it: `1h0m0s`, `90ms`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = `${(ms % 60_000) / 1000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
