// What a log checks before it appends an entry: that the signature is the verifier's over the digest.

import { demand, markVerified, type Verified } from "../core/index.ts";
import { verifyDigest } from "../crypto/index.ts";
import { canonicalBody } from "./rekor-body.ts";
import type { LoggableEntry, LogRequest } from "./rekor.ts";

/** The entry to append. Problem `sigstore/entry-signature` when the signature is not the verifier's over the digest. */
export function verifyLogRequest(request: LogRequest): Verified<LoggableEntry> {
  const { key, scheme, ...entry } = request;
  const valid = verifyDigest(key, scheme, entry.digest, entry.signature);
  demand(valid, "sigstore/entry-signature", "request's signature is not its signer's over the digest");
  return markVerified({ ...entry, canonicalizedBody: canonicalBody(entry) });
}
