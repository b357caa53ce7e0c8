// Keys that a service keeps and signs with: the interface that a KMS has to offer, and the signer on top of it, that
// takes no answer on trust. One implementation: vault.ts. docs/decisions/kms.md says which are not there.

import { Problem } from "../core/index.ts";
import { type PublicKey, type Scheme, type Signer, verifySignature } from "../crypto/index.ts";

export interface ServiceKeyName {
  readonly name: string;
  /** Of a key that is rotated inside the service; the newest one when the signer is opened, if left out. */
  readonly version?: number;
}

export interface KeyService {
  /** The public half, and the version that it is of. Problems `keys/service-*`. */
  publicKey(key: ServiceKeyName): Promise<{ readonly publicKey: PublicKey; readonly version: number }>;
  /** A signature over a message in the form that `verifySignature` takes. Problems `keys/service-*`. */
  sign(key: Required<ServiceKeyName>, scheme: Scheme, message: Uint8Array): Promise<Uint8Array>;
}

/**
 * A signer for one version of one key. Each signature is verified before it is given away: with another version or
 * another key behind the name it would count for nothing where it is used. Problem `keys/signature-invalid`.
 */
export async function openServiceSigner(
  service: KeyService,
  key: ServiceKeyName,
  schemeOf: (key: PublicKey) => Scheme,
): Promise<Signer> {
  const { publicKey, version } = await service.publicKey(key);
  const scheme = schemeOf(publicKey);
  return {
    scheme,
    publicKey,
    async sign(message) {
      const signature = await service.sign({ name: key.name, version }, scheme, message);
      demandSignature(publicKey, scheme, message, signature);
      return signature;
    },
  };
}

/** Problem `keys/signature-invalid`: what came back is not a signature of the key that was opened. */
export function demandSignature(key: PublicKey, scheme: Scheme, message: Uint8Array, signature: Uint8Array): void {
  if (verifySignature(key, scheme, message, signature)) return;
  throw new Problem("keys/signature-invalid", "the signature that came back is not one of the key that was opened", {
    hint: "is another token inserted, or has the key been replaced?",
  });
}
