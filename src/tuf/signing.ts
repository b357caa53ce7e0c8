// Who of those at hand signs which role.

import type { Signing } from "./repository-model.ts";
import { keysHeld, type RoleSigner } from "./signer.ts";
import type { Authority } from "./verify.ts";

/** The signers of a role: those given for it by name, and those of the pool whose keys it has. */
export function signersOf({ signers, pool = [] }: Signing, name: string, authority: Authority): RoleSigner[] {
  const keys = authority.role.keyids.flatMap((keyid) => authority.keys.get(keyid) ?? []);
  return [...(signers?.get(name) ?? []), ...pool.filter((signer) => keysHeld(signer, keys).length > 0)];
}

/** True when as many are at hand as must sign. */
export function canSign(signing: Signing, name: string, authority: Authority): boolean {
  return signersOf(signing, name, authority).length >= authority.role.threshold;
}
