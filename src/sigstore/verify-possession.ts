// Proof that who asks for a certificate holds the key: a signature over the challenge of the identity token.
// sigstore/fulcio docs/certificate-specification.md and fulcio.proto, PublicKeyRequest.proof_of_possession.

import { demand, markVerified, utf8, type Verified } from "../core/index.ts";
import { defaultScheme, type PublicKey, verifySignature } from "../crypto/index.ts";
import type { SigningCertificateRequest } from "./fulcio.ts";

/**
 * The requested key, proven to be the requester's. `challenge` is the token's e-mail address for identities of that
 * kind and its subject otherwise (`CertificateIdentity.challenge`). Problem `sigstore/possession-unproven`.
 */
export function verifyPossession(request: SigningCertificateRequest, challenge: string): Verified<PublicKey> {
  const { publicKey, proof } = request;
  const code = "sigstore/possession-unproven";
  demand(challenge !== "", code, "the identity token has nothing to sign");
  const proven =
    proof.kind === "request" || verifySignature(publicKey, defaultScheme(publicKey), utf8(challenge), proof.signature);
  demand(proven, code, "the request does not prove that its sender holds the key");
  return markVerified(publicKey);
}
