// Layouts and links to verified ones: in-toto specification 1.0 §5.2 steps 1 and 2, and the signatures of links.
// Stricter than the reference: a link must name the step that its signer may perform, so that a link of one step
// cannot stand for another. Sublayouts and certificate functionaries are not implemented: their links never count.

import { demand, markVerified, Problem, type Verified } from "../core/index.ts";
import { verifySignature } from "../crypto/index.ts";
import { functionaryIdentity } from "./key.ts";
import {
  limits,
  type Layout,
  type Link,
  type LinkEvidence,
  type SignedMetadata,
  type Step,
  type VerificationKey,
} from "./model.ts";
import { parseMetadata } from "./parse.ts";

/**
 * A layout that every one of `keys` has signed and that has not expired at `now` (ms since epoch).
 * Problems: `intoto/layout-signature`, `intoto/layout-expired`, `intoto/layout-invalid`, and those of parsing.
 */
export function verifyLayout(bytes: Uint8Array, keys: readonly VerificationKey[], now: number): Verified<Layout> {
  demand(keys.length > 0, "intoto/layout-signature", "no key is given to verify the layout with");
  const metadata = parseMetadata(bytes, limits.layoutBytes);
  for (const key of keys) {
    demand(
      isSignedBy(metadata, key),
      "intoto/layout-signature",
      `the layout has no valid signature of key ${key.keyid}`,
    );
  }
  const layout = metadata.payload;
  demand(layout.type === "layout", "intoto/layout-invalid", "the metadata is a link, not a layout");
  demand(now < layout.expiresMs, "intoto/layout-expired", "the layout has expired");
  return markVerified(layout);
}

/** The keyid is a hint that DSSE may leave out; a Metablock always has it. */
function isSignedBy(metadata: SignedMetadata, key: VerificationKey): boolean {
  return metadata.signatures.some(({ keyid, sig }) => {
    if (keyid !== key.keyid && !(keyid === "" && metadata.format === "dsse")) return false;
    return verifySignature(key.key, key.scheme, metadata.message, sig);
  });
}

/**
 * The evidence in a classic link: one for each functionary of its step who signed it, at least one. Signatures of
 * others, and invalid ones, are passed over as §5.2 has it.
 * Problems: `intoto/functionary-unknown` when none is left, `intoto/step-missing` when the layout has no such step,
 * `intoto/sublayout-unsupported`, and those of parsing.
 */
export function verifyLink(bytes: Uint8Array, layout: Verified<Layout>): Verified<LinkEvidence>[] {
  const metadata = parseMetadata(bytes, limits.linkBytes);
  const link = metadata.payload;
  if (link.type !== "link") throw new Problem("intoto/sublayout-unsupported", "the metadata is a layout, not a link");
  const step = stepOf(layout, link);
  const evidence = step.pubkeys.flatMap((keyid) => {
    const key = layout.keys.get(keyid);
    return key?.kind === "public" && isSignedBy(metadata, key)
      ? [{ link, functionary: keyid, key: identity(key) }]
      : [];
  });
  if (evidence.length === 0) {
    throw new Problem(
      "intoto/functionary-unknown",
      `no functionary of step "${step.name}" has validly signed its link`,
    );
  }
  return evidence.map((each) => markVerified<LinkEvidence>(each));
}

function stepOf(layout: Layout, link: Link): Step {
  const step = layout.steps.find((each) => each.name === link.name);
  if (step === undefined) throw new Problem("intoto/step-missing", `the layout has no step "${link.name}"`);
  return step;
}

function identity(key: VerificationKey): string {
  return functionaryIdentity(key)!;
}

/**
 * Evidence from a link attestation whose signature and signer the caller has verified by Sigstore: the signer must
 * be, exactly, a sigstore functionary of the link's step.
 * Problems: `intoto/functionary-unknown`, `intoto/step-missing`.
 */
export function acceptAttestedLink(
  layout: Verified<Layout>,
  link: Link,
  signer: { readonly issuer: string; readonly identity: string },
): Verified<LinkEvidence> {
  const step = stepOf(layout, link);
  for (const keyid of step.pubkeys) {
    const key = layout.keys.get(keyid);
    if (key?.kind === "sigstore" && key.issuer === signer.issuer && key.identity === signer.identity) {
      return markVerified<LinkEvidence>({ link, functionary: keyid, key: functionaryIdentity(key)! });
    }
  }
  throw new Problem("intoto/functionary-unknown", `${signer.identity} is no functionary of step "${step.name}"`);
}
