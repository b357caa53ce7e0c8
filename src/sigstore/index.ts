export * from "./artifact-digests.ts";
export * from "./cosign-blob.ts";
export * from "./cosign-legacy.ts";
export * from "./ct.ts";
export * from "./encode-bundle.ts";
export {
  type ExplainedStep,
  Explanation,
  type Finding,
  type Recorder,
  type StepName,
  verificationSteps,
} from "./explain.ts";
export {
  parseSigningCertificateRequest,
  type SigningCertificateRequest,
  signingCertificateJson,
  signingCertificateRequestJson,
  trustBundleJson,
} from "./fulcio.ts";
export * from "./fulcio-certificate.ts";
export { type CertificateIdentity, identityFromClaims, type IssuerKind } from "./fulcio-identity.ts";
export * from "./git-object.ts";
export * from "./git-signature.ts";
export * from "./identity.ts";
export { readKey, type SigningAlgorithm, signingAlgorithms } from "./key-details.ts";
export { encodeLogEntryProtobuf, parseLogEntryProtobuf, type StoredLogEntry } from "./log-entry-protobuf.ts";
export * from "./model.ts";
export { bundleMediaType, bundleOf, parseBundle, parseLogEntry } from "./parse-bundle.ts";
export * from "./pattern.ts";
export * from "./rekor.ts";
export * from "./rekor-body.ts";
export * from "./pep740.ts";
export * from "./rekor-v1.ts";
export * from "./sign.ts";
export * from "./signing-config.ts";
export * from "./timestamp-request.ts";
export * from "./trust.ts";
export {
  encodeTrustedRoot,
  parseTrustedRoot,
  trustedRootMediaType,
  trustedRootMediaTypeV2,
  trustedRootOf,
} from "./trusted-root.ts";
export * from "./upgrade.ts";
export * from "./verify.ts";
export * from "./verify-git.ts";
export { type Artifact, type Statement, statementPayloadType } from "./verify-content.ts";
export * from "./verify-possession.ts";
export * from "./verify-request.ts";
export type { Witnessed, WitnessRequirement } from "./verify-witnesses.ts";
