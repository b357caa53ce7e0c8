// One order of versions for each ecosystem, chosen by OSV's name of it. What has no order here is refused, never
// guessed: an order that is nearly right calls a vulnerable version safe.

import { Problem } from "../core/index.ts";
import { limits } from "./model.ts";
import { compareAlpineVersions, parseAlpineVersion } from "./order-alpine.ts";
import { compareDebianVersions, parseDebianVersion } from "./order-debian.ts";
import { compareMavenVersions, parseMavenVersion } from "./order-maven.ts";
import { compareNuGetVersions, parseNuGetVersion } from "./order-nuget.ts";
import { compareNumericVersions, parseCranVersion, parseHackageVersion } from "./order-numeric.ts";
import { comparePackagistVersions, parsePackagistVersion } from "./order-packagist.ts";
import { comparePyPiVersions, parsePyPiVersion } from "./order-pypi.ts";
import { compareRpmVersions, parseRpmVersion } from "./order-rpm.ts";
import { compareRubyGemsVersions, parseRubyGemsVersion } from "./order-rubygems.ts";
import { comparePubVersions, compareSemVer, parseSemVer } from "./order-semver.ts";

declare const parsed: unique symbol;
/** A version made ready to be compared, of one ecosystem. */
export interface ParsedVersion {
  readonly [parsed]: true;
}

/** The order of one ecosystem. Parsing once and comparing often is what an advisory index needs. */
export interface VersionOrder {
  /** Problem `packages/version-invalid`. */
  parse(text: string): ParsedVersion;
  compare(a: ParsedVersion, b: ParsedVersion): number;
}

function order<V>(read: (text: string) => V | undefined, compare: (a: V, b: V) => number): VersionOrder {
  return {
    parse(text) {
      const version = text.length > limits.versionLength ? undefined : read(text);
      if (version === undefined) {
        throw new Problem(
          "packages/version-invalid",
          `not a version of its ecosystem: ${JSON.stringify(text.slice(0, 80))}`,
        );
      }
      return version as unknown as ParsedVersion;
    },
    compare: compare as unknown as VersionOrder["compare"],
  };
}

/** SemVer 2.0.0, which OSV's range type SEMVER uses whatever the ecosystem. */
export const semVerOrder: VersionOrder = order(parseSemVer, compareSemVer);
const debianOrder = order(parseDebianVersion, compareDebianVersions);
const rpmOrder = order(parseRpmVersion, compareRpmVersions);
const alpineOrder = order(parseAlpineVersion, compareAlpineVersions);

const orders: ReadonlyMap<string, VersionOrder> = new Map([
  ["npm", semVerOrder],
  ["Go", semVerOrder],
  ["crates.io", semVerOrder],
  ["Hex", semVerOrder],
  ["SwiftURL", semVerOrder],
  ["Maven", order(parseMavenVersion, compareMavenVersions)],
  ["PyPI", order(parsePyPiVersion, comparePyPiVersions)],
  ["RubyGems", order(parseRubyGemsVersion, compareRubyGemsVersions)],
  ["NuGet", order(parseNuGetVersion, compareNuGetVersions)],
  ["Packagist", order(parsePackagistVersion, comparePackagistVersions)],
  ["Pub", order(parseSemVer, comparePubVersions)],
  ["CRAN", order(parseCranVersion, compareNumericVersions)],
  ["Hackage", order(parseHackageVersion, compareNumericVersions)],
  ["Debian", debianOrder],
  ["Ubuntu", debianOrder],
  ["Red Hat", rpmOrder],
  ["Rocky Linux", rpmOrder],
  ["AlmaLinux", rpmOrder],
  ["SUSE", rpmOrder],
  ["openSUSE", rpmOrder],
  ["Alpine", alpineOrder],
  ["Wolfi", alpineOrder],
  ["Chainguard", alpineOrder],
]);

/** The order of an ecosystem, its suffix (`Debian:12`) left out; undefined when we have none. */
export function versionOrder(ecosystem: string): VersionOrder | undefined {
  return orders.get(ecosystem.split(":", 1)[0] as string);
}

/**
 * Below 0, 0 or above 0 as `a` is older than, equal to or newer than `b`.
 * Problems: `packages/ecosystem-unsupported`, `packages/version-invalid`.
 */
export function compareVersions(ecosystem: string, a: string, b: string): number {
  const found = versionOrder(ecosystem);
  if (found === undefined) {
    throw new Problem(
      "packages/ecosystem-unsupported",
      `the version order of ecosystem ${ecosystem} is not known here`,
    );
  }
  return a === b ? 0 : found.compare(found.parse(a), found.parse(b));
}
