// Artifact rules, in-toto specification 1.0 §4.3.3: they work like a firewall on a queue of artifact names. A rule
// takes names off the queue or, DISALLOW and REQUIRE alone, refuses what is still on it. What no rule took is
// allowed: only a final `DISALLOW *` closes a list.
// Where the specification is open we do as the reference implementation: digest sets must be equal as a whole, the
// glob never covers the prefix of an IN clause, and MATCH from an unknown step takes nothing.

import { Problem } from "../core/index.ts";
import { compileGlob } from "./glob.ts";
import type { ArtifactRule, Artifacts, DigestSet, Link, SupplyChainItem } from "./model.ts";

const patternRules = ["create", "delete", "modify", "allow", "disallow"] as const;

function malformed(words: readonly string[]): Problem {
  return new Problem("intoto/rule-invalid", `artifact rule "${words.join(" ").slice(0, 200)}" has no known form`);
}

/** An artifact rule from its words; keywords in either case. Problem `intoto/rule-invalid` (§4.3.3). */
export function parseRule(words: readonly string[]): ArtifactRule {
  const [keyword = "", operand] = words;
  if (operand === undefined) throw malformed(words);
  const kind = keyword.toLowerCase();
  if (kind === "match") return parseMatch(words, operand);
  if (words.length !== 2) throw malformed(words);
  if (kind === "require") return { kind, path: operand };
  const known = patternRules.find((name) => name === kind);
  if (known === undefined) throw malformed(words);
  return { kind: known, pattern: operand };
}

function parseMatch(words: readonly string[], pattern: string): ArtifactRule {
  const rest = words.slice(2);
  const clause = (keyword: string): string | undefined =>
    rest[0]?.toLowerCase() === keyword && rest.length > 1 ? rest.splice(0, 2)[1] : undefined;
  const sourcePrefix = clause("in") ?? "";
  const from = clause("with")?.toLowerCase();
  const destinationPrefix = clause("in") ?? "";
  const step = clause("from");
  if ((from !== "materials" && from !== "products") || step === undefined || rest.length > 0) throw malformed(words);
  return { kind: "match", pattern, sourcePrefix, from, destinationPrefix, step };
}

/** The words of a rule, keywords in capitals. */
export function encodeRule(rule: ArtifactRule): string[] {
  if (rule.kind === "require") return ["REQUIRE", rule.path];
  if (rule.kind !== "match") return [rule.kind.toUpperCase(), rule.pattern];
  const within = (prefix: string): string[] => (prefix === "" ? [] : ["IN", prefix]);
  return [
    "MATCH",
    rule.pattern,
    ...within(rule.sourcePrefix),
    "WITH",
    rule.from.toUpperCase(),
    ...within(rule.destinationPrefix),
    "FROM",
    rule.step,
  ];
}

/**
 * Applies the rules of a step or inspection to its link. `links` are the links that MATCH can name.
 * Problem `intoto/rule`, naming step, rule and artifact (§4.3.3.1).
 */
export function applyRules(item: SupplyChainItem, link: Link, links: ReadonlyMap<string, Link>): void {
  for (const list of ["materials", "products"] as const) {
    const rules = list === "materials" ? item.expectedMaterials : item.expectedProducts;
    const queue = new Set(link[list].keys());
    for (const rule of rules) {
      const refused = refusal(rule, queue);
      if (refused !== undefined) {
        const where = `step "${item.name}", expected ${list}, rule "${encodeRule(rule).join(" ")}"`;
        throw new Problem("intoto/rule", `${where}: ${refused}`);
      }
      for (const name of consumed(rule, queue, link, list, links)) queue.delete(name);
    }
  }
}

/** Why a rule fails on this queue; only DISALLOW and REQUIRE can (§4.3.3.3). */
function refusal(rule: ArtifactRule, queue: ReadonlySet<string>): string | undefined {
  if (rule.kind === "require") {
    return queue.has(rule.path) ? undefined : `artifact "${rule.path}" is missing or was taken by an earlier rule`;
  }
  if (rule.kind !== "disallow") return undefined;
  const left = matching(queue, rule.pattern);
  if (left.length === 0) return undefined;
  const more = left.length > 1 ? ` and ${left.length - 1} more` : "";
  return `artifact "${left[0]!}"${more} is left over`;
}

function matching(names: Iterable<string>, pattern: string): string[] {
  const glob = compileGlob(pattern);
  return [...names].filter((name) => glob.matches(name));
}

function consumed(
  rule: ArtifactRule,
  queue: ReadonlySet<string>,
  link: Link,
  list: "materials" | "products",
  links: ReadonlyMap<string, Link>,
): string[] {
  const { materials, products } = link;
  switch (rule.kind) {
    case "allow":
      return matching(queue, rule.pattern);
    case "create":
      return matching(queue, rule.pattern).filter((name) => products.has(name) && !materials.has(name));
    case "delete":
      return matching(queue, rule.pattern).filter((name) => materials.has(name) && !products.has(name));
    case "modify":
      return matching(queue, rule.pattern).filter((name) => {
        const before = materials.get(name);
        const after = products.get(name);
        return before !== undefined && after !== undefined && !equalDigests(before, after);
      });
    case "match":
      return matched(rule, queue, link[list], links.get(rule.step)?.[rule.from]);
    default:
      return [];
  }
}

/** MATCH, §4.3.3.2. */
function matched(
  rule: Extract<ArtifactRule, { kind: "match" }>,
  queue: ReadonlySet<string>,
  source: Artifacts,
  destination: Artifacts | undefined,
): string[] {
  if (destination === undefined) return [];
  const sourcePrefix = directory(rule.sourcePrefix);
  const destinationPrefix = directory(rule.destinationPrefix);
  const glob = compileGlob(rule.pattern);
  return [...queue].filter((name) => {
    if (!name.startsWith(sourcePrefix)) return false;
    const bare = name.slice(sourcePrefix.length);
    if (!glob.matches(bare)) return false;
    const other = destination.get(destinationPrefix + bare);
    return other !== undefined && equalDigests(source.get(name)!, other);
  });
}

function directory(prefix: string): string {
  return prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
}

/** Equality of whole digest sets: a shared weak digest beside a differing strong one is no match. */
export function equalDigests(a: DigestSet, b: DigestSet): boolean {
  return a.size === b.size && [...a].every(([algorithm, value]) => b.get(algorithm) === value);
}

/** Equality of artifacts, names and digests. */
export function equalArtifacts(a: Artifacts, b: Artifacts): boolean {
  if (a.size !== b.size) return false;
  for (const [name, digests] of a) {
    const other = b.get(name);
    if (other === undefined || !equalDigests(digests, other)) return false;
  }
  return true;
}
