// Package URLs (package-url specification, ECMA-427) of the ecosystems we name dependencies in: written, never read.
// Canonical form: type in lower case, each segment percent-encoded, only unreserved characters and `:` left as they are.

import { Problem } from "../core/index.ts";

interface PurlType {
  readonly type: string;
  /** What stands between namespace and name in the ecosystem's own spelling. */
  readonly separator?: string;
  readonly normalise?: (name: string) => string;
}

const types: ReadonlyMap<string, PurlType> = new Map<string, PurlType>([
  ["npm", { type: "npm", separator: "/", normalise: (name) => name.toLowerCase() }],
  ["Maven", { type: "maven", separator: ":" }],
  ["Go", { type: "golang", separator: "/", normalise: (name) => name.toLowerCase() }],
  ["PyPI", { type: "pypi", normalise: (name) => name.toLowerCase().replaceAll("_", "-") }],
  ["crates.io", { type: "cargo" }],
  ["RubyGems", { type: "gem" }],
  ["NuGet", { type: "nuget" }],
]);

function encode(text: string): string {
  return encodeURIComponent(text)
    .replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%3A", ":");
}

/**
 * The canonical package URL of a package, without `@version` when none is given.
 * Problem `packages/ecosystem-unsupported` for one whose type we do not write.
 */
export function packageUrl(ecosystem: string, name: string, version?: string): string {
  const purl = types.get(ecosystem);
  if (purl === undefined) {
    throw new Problem("packages/ecosystem-unsupported", `no package URL is defined here for ecosystem ${ecosystem}`);
  }
  const spelled = purl.normalise?.(name) ?? name;
  const segments = purl.separator === undefined ? [spelled] : spelled.split(purl.separator);
  const path = [purl.type, ...segments.map(encode)].join("/");
  return `pkg:${path}${version === undefined ? "" : `@${encode(version)}`}`;
}
