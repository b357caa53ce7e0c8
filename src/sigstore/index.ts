export * from "./ct.ts";
export * from "./encode-bundle.ts";
export {
  parseSigningCertificateRequest,
  type SigningCertificateRequest,
  signingCertificateJson,
  signingCertificateRequestJson,
  trustBundleJson,
} from "./fulcio.ts";
export * from "./fulcio-certificate.ts";
export { type CertificateIdentity, identityFromClaims, type IssuerKind } from "./fulcio-identity.ts";
export * from "./identity.ts";
export { readKey, type SigningAlgorithm, signingAlgorithms } from "./key-details.ts";
export * from "./model.ts";
export { bundleMediaType, bundleOf, parseBundle } from "./parse-bundle.ts";
export * from "./rekor.ts";
export * from "./rekor-body.ts";
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
export * from "./verify.ts";
export { type Artifact, type Statement, statementPayloadType } from "./verify-content.ts";
export * from "./verify-possession.ts";
export * from "./verify-request.ts";
