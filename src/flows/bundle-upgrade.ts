// `bundle upgrade`: cosign's older material, or an older bundle, in the newest form it can have. What comes out is
// verified as it was read back from its bytes before it is given, so that nothing unverified is ever written.

import { Fields, parseJson } from "../core/index.ts";
import { digest } from "../crypto/index.ts";
import {
  type Bundle,
  encodeBundle,
  logEntryOfV1,
  parseBundle,
  parseLogEntry,
  type TransparencyLogEntry,
  upgradeBundle,
  verifyBundle,
  type VerifiedBundle,
  type VerifyOptions,
} from "../sigstore/index.ts";

const maxAnswerBytes = 32 * 1024 * 1024;

/** A log's answer with a proof: of Rekor v1's API, or a TransparencyLogEntry. Problems `sigstore/log-answer-invalid`. */
export function readLogAnswer(bytes: Uint8Array): TransparencyLogEntry {
  const json = parseJson(bytes, { maxBytes: maxAnswerBytes });
  const fields = Fields.of(json, "log's answer", "sigstore/log-answer-invalid");
  return fields.has("canonicalizedBody") ? parseLogEntry(fields) : logEntryOfV1(json);
}

export interface Upgraded {
  readonly bytes: Uint8Array;
  readonly bundle: Bundle;
  readonly verified: VerifiedBundle;
}

/** Problems of `upgradeBundle` and of the verifier: then there is nothing to write. */
export function upgradeVerified(
  old: Bundle,
  proven: readonly TransparencyLogEntry[],
  options: VerifyOptions,
): Upgraded {
  const { artifact } = options;
  const messageDigest =
    artifact.kind === "bytes"
      ? ({ algorithm: "sha256", digest: digest("sha256", artifact.bytes) } as const)
      : artifact.kind === "digest"
        ? { algorithm: artifact.algorithm, digest: artifact.digest }
        : undefined;
  const bytes = encodeBundle(upgradeBundle(old, proven, messageDigest));
  const bundle = parseBundle(bytes);
  return { bytes, bundle, verified: verifyBundle(bundle, options) };
}
