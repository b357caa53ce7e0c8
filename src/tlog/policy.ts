// The policy file of C2SP tlog-policy: known logs, known witnesses, and which of them make a quorum. Stricter: the file
// is UTF-8, two logs may not share an origin, and there are limits.

import { demand, equalBytes, fromUtf8, Problem } from "../core/index.ts";
import { createWitness } from "./cosignature.ts";
import type { Witness } from "./cosignature.ts";
import type { NoteVerifier } from "./model.ts";
import { createNoteVerifier, noteType, parseVerifierKey } from "./note.ts";
import type { VerifierKey } from "./note.ts";

const maxPolicyBytes = 262_144;
const maxLines = 4096;

/** `none` stands only at the top, and only where the file says so. */
export type QuorumRule =
  | { readonly kind: "none" }
  | { readonly kind: "witness"; readonly witness: Witness }
  | { readonly kind: "group"; readonly threshold: number; readonly members: readonly QuorumRule[] };

export interface LogPolicy {
  readonly logs: readonly NoteVerifier[];
  readonly witnesses: readonly Witness[];
  readonly quorum: QuorumRule;
}

class PolicyReader {
  readonly logs: NoteVerifier[] = [];
  readonly witnesses: Witness[] = [];
  quorum: QuorumRule | undefined;
  private readonly names = new Map<string, QuorumRule>();
  private readonly grouped = new Set<string>();

  line(words: readonly string[]): void {
    const [keyword, first = "", ...rest] = words;
    if (keyword === "log") return this.log(first, rest);
    if (keyword === "witness") return this.witness(first, rest);
    if (keyword === "group") return this.group(first, rest);
    demand(keyword === "quorum" && rest.length === 0, "tlog/policy-invalid", "a line is not of a known form");
    demand(this.quorum === undefined, "tlog/policy-invalid", "there is more than one quorum");
    this.quorum = first === "none" ? { kind: "none" } : this.named(first);
  }

  private log(vkey: string, rest: readonly string[]): void {
    demand(rest.length <= 1, "tlog/policy-invalid", "a log line is not of a known form");
    const { name, key, type } = keyOf(vkey);
    demand(type !== noteType.cosignature, "tlog/policy-invalid", "a log's key is a witness's");
    const known = this.logs.some((log) => log.name === name || equalBytes(log.key.spki, key.spki));
    demand(!known, "tlog/policy-invalid", "a log stands twice");
    this.logs.push(createNoteVerifier(name, key));
  }

  private witness(name: string, rest: readonly string[]): void {
    demand(rest.length === 1 || rest.length === 2, "tlog/policy-invalid", "a witness line is not of a known form");
    const vkey = keyOf(rest[0] as string);
    demand(vkey.type === noteType.cosignature, "tlog/policy-invalid", "a witness's key is not one for cosignatures");
    const known = this.witnesses.some((each) => equalBytes(each.key.spki, vkey.key.spki));
    demand(!known, "tlog/policy-invalid", "a witness stands twice");
    const witness = createWitness(vkey.name, vkey.key);
    this.witnesses.push(witness);
    this.define(name, { kind: "witness", witness });
  }

  private group(name: string, rest: readonly string[]): void {
    const [count = "", ...members] = rest;
    demand(members.length > 0, "tlog/policy-invalid", "a group has no members");
    const threshold = thresholdOf(count, members.length);
    for (const member of members) {
      // A witness that counted in two ways could make a quorum of its own.
      demand(!this.grouped.has(member), "tlog/policy-invalid", "a name is a member of two groups, or twice of one");
      this.grouped.add(member);
    }
    this.define(name, { kind: "group", threshold, members: members.map((member) => this.named(member)) });
  }

  private define(name: string, rule: QuorumRule): void {
    demand(name !== "none" && !this.names.has(name), "tlog/policy-invalid", "a name is defined twice");
    this.names.set(name, rule);
  }

  private named(name: string): QuorumRule {
    const rule = this.names.get(name);
    demand(rule !== undefined, "tlog/policy-invalid", "a name is used that no line before defines");
    return rule;
  }
}

function thresholdOf(count: string, members: number): number {
  if (count === "any") return 1;
  if (count === "all") return members;
  const threshold = /^[1-9]\d{0,5}$/.test(count) ? Number(count) : 0;
  demand(threshold >= 1 && threshold <= members, "tlog/policy-invalid", "a group's threshold is not possible");
  return threshold;
}

function keyOf(vkey: string): VerifierKey {
  try {
    return parseVerifierKey(vkey);
  } catch (cause) {
    throw new Problem("tlog/policy-invalid", "a key is not valid", { cause });
  }
}

/** A policy file. Problem `tlog/policy-invalid`. */
export function parsePolicy(bytes: Uint8Array): LogPolicy {
  demand(bytes.length <= maxPolicyBytes, "tlog/policy-invalid", "policy is too large");
  const text = fromUtf8(bytes);
  // The allowed octets: tab, newline, 0x20-0x7e and 0x80-0xff.
  demand(!/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text), "tlog/policy-invalid", "policy holds a control character");
  demand(text === "" || text.endsWith("\n"), "tlog/policy-invalid", "policy's last line is cut short");
  const lines = text.split("\n");
  demand(lines.length <= maxLines, "tlog/policy-invalid", "policy has too many lines");
  const reader = new PolicyReader();
  for (const line of lines) {
    const words = line.split(/[ \t]+/).filter((word) => word !== "");
    if (words[0] !== undefined && !words[0].startsWith("#")) reader.line(words);
  }
  const { logs, witnesses, quorum } = reader;
  demand(quorum !== undefined, "tlog/policy-invalid", "policy has no quorum");
  return { logs, witnesses, quorum };
}
