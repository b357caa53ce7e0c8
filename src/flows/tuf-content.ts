// Targets that this program's consumers read by name. Before one is published its own parser reads it: a policy that
// nobody can read would be refused by everybody, all at once. And whoever can replace one decides for all consumers.

import { Problem } from "../core/index.ts";
import { verifyLayout } from "../intoto/index.ts";
import { parseExceptions, parsePolicy } from "../policy/index.ts";
import { parseSigningConfig, parseTrustedRoot, prepareTrust } from "../sigstore/index.ts";
import { parseBuilderTrust, parseExpectations } from "../slsa/index.ts";
import { targetPaths } from "./project-targets.ts";
import { parseLayoutKeys } from "./trust.ts";

type Check = (content: Uint8Array, context: ContentContext) => void;

export interface ContentContext {
  readonly now: number;
  /** Another target as it will be: what is published with this one, else what there is. */
  readonly other: (path: string) => Uint8Array | undefined;
}

const fixed: ReadonlyMap<string, Check> = new Map<string, Check>([
  [targetPaths.trustedRoot, (content) => void prepareTrust(parseTrustedRoot(content))],
  [targetPaths.signingConfig, (content) => void parseSigningConfig(content)],
  [targetPaths.policy, (content) => void parsePolicy(content)],
  [targetPaths.exceptions, (content) => void parseExceptions(content)],
  [targetPaths.builders, (content) => void parseBuilderTrust(content)],
]);

function checkOf(path: string): Check | undefined {
  const known = fixed.get(path);
  if (known !== undefined) return known;
  const [, project, file] = /^projects\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  if (project === undefined) return undefined;
  if (file === "expectations.json") return (content) => void parseExpectations(content);
  if (file === "layout-keys.json") return (content) => void parseLayoutKeys(content);
  if (file !== "root.layout") return undefined;
  return (content, { now, other }) => {
    const keys = other(targetPaths.layoutKeys(project));
    if (keys === undefined) {
      throw new Problem("trust/target-missing", `there is no ${targetPaths.layoutKeys(project)} to verify it with`);
    }
    verifyLayout(content, parseLayoutKeys(keys), now);
  };
}

/** True for a target that consumers decide by. */
export function isTrustTarget(path: string): boolean {
  return checkOf(path) !== undefined;
}

/** Other targets that are needed to judge this one. */
export function contextPaths(path: string): readonly string[] {
  const project = /^projects\/([^/]+)\/root\.layout$/.exec(path)?.[1];
  return project === undefined ? [] : [targetPaths.layoutKeys(project)];
}

/** Problem `tuf/content-unreadable`, with the parser's own as its cause. Any content is good for any other path. */
export function checkContent(path: string, content: Uint8Array, context: ContentContext): void {
  try {
    checkOf(path)?.(content, context);
  } catch (cause) {
    throw new Problem("tuf/content-unreadable", `no consumer could read this as ${path}`, {
      cause,
      hint: "nothing was published; correct the file and publish it again",
    });
  }
}
