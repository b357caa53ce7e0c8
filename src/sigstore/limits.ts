// Every bound of this area, in one place. Counts follow the public verifiers; sizes are ours.

/** Bytes of one bundle. An attestation with a large SBOM inside still fits. */
export const maxBundleBytes = 32 * 1024 * 1024;
export const maxTrustedRootBytes = 2 * 1024 * 1024;
export const maxSigningConfigBytes = 256 * 1024;
/** Bytes of one request to the certificate authority or the log. */
export const maxRequestBytes = 256 * 1024;

export const maxLogEntries = 32;
export const maxTimestamps = 32;
export const maxChainCertificates = 10;
export const maxCertificateBytes = 64 * 1024;
export const maxTimestampBytes = 64 * 1024;
export const maxSignatureBytes = 16 * 1024;
export const maxProofHashes = 64;
export const maxCheckpointChars = 64 * 1024;
/** Bytes of one log entry: an entry bundle's uint16 length could not hold more (C2SP tlog-tiles). */
export const maxEntryBytes = 65_535;
/** Bytes of a body of Rekor v1, which can hold a whole envelope. */
export const maxBodyBytes = 32 * 1024 * 1024;

/** A link names every file of a source and of what a step left; other clients stop at 1,024. */
export const maxSubjects = 65_536;
export const maxDigestsPerSubject = 32;

/** Instances of one kind in a trust root, and services of one kind in a signing config. */
export const maxInstances = 256;
export const maxThreshold = 32;
/** Of a pattern for an identity. */
export const maxPatternCharacters = 1024;
/** Of a name that a pattern is tried on. */
export const maxIdentityCharacters = 4096;
export const maxWildcards = 8;

/** Checkpoints that a trust root remembers as verified, and the longest of them. */
export const maxRememberedCheckpoints = 256;
export const maxRememberedCheckpointChars = 4096;
