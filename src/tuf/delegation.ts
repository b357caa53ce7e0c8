// Which delegations cover a target path, TUF 1.0.34 §4.5 (paths, path_hash_prefixes) and TAP 15 (succinct_roles).

import { demand, utf8 } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import { matchesPattern } from "./glob.ts";
import type { DelegatedRole, Delegations, Role, SuccinctRoles } from "./model.ts";

/** One delegation that covers a path. */
export interface Covering {
  readonly name: string;
  readonly role: Role;
  readonly terminating: boolean;
}

/** The delegations that cover a path, in order of appearance, up to and with the first terminating one (§5.6.7.2). */
export function coveringDelegations(delegations: Delegations, path: string): Covering[] {
  const pathHash = digestHex("sha256", utf8(path));
  if (delegations.succinct !== undefined) {
    // The clients in use let nothing follow a bin; nothing could, since a file with bins has no other delegations.
    return [{ name: binName(delegations.succinct, pathHash), role: delegations.succinct, terminating: true }];
  }
  const covering: Covering[] = [];
  for (const role of delegations.roles) {
    if (!covers(role, path, pathHash)) continue;
    covering.push({ name: role.name, role, terminating: role.terminating });
    if (role.terminating) break;
  }
  return covering;
}

// Bins of more bits are found by the hash of a path and not by counting them up.
const maxCountedBits = 16;

/** Every delegation, in order of appearance. Problem `tuf/too-many-roles`. */
export function* everyDelegation({ roles, succinct }: Delegations): Generator<{ name: string; role: Role }> {
  yield* roles.map((role) => ({ name: role.name, role }));
  if (succinct === undefined) return;
  const { bitLength } = succinct;
  demand(bitLength <= maxCountedBits, "tuf/too-many-roles", `bins of ${bitLength} bits are too many to go through`);
  for (let bin = 0; bin < 2 ** bitLength; bin++) {
    yield { name: binName(succinct, (bin * 2 ** (32 - bitLength)).toString(16).padStart(8, "0")), role: succinct };
  }
}

function covers(role: DelegatedRole, path: string, pathHash: string): boolean {
  if (role.pathHashPrefixes !== undefined) return role.pathHashPrefixes.some((prefix) => pathHash.startsWith(prefix));
  return role.paths?.some((pattern) => matchesPattern(path, pattern)) ?? false;
}

/** TAP 15: the first `bitLength` bits of the path's SHA-256, in as many hexadecimal digits as the last bin needs. */
export function binName(
  { bitLength, namePrefix }: Pick<SuccinctRoles, "bitLength" | "namePrefix">,
  pathHash: string,
): string {
  const bin = Math.floor(Number.parseInt(pathHash.slice(0, 8), 16) / 2 ** (32 - bitLength));
  return `${namePrefix}-${bin.toString(16).padStart(Math.ceil(bitLength / 4), "0")}`;
}
