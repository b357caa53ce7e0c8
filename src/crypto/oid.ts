// Object identifiers by their names in the standards. X.509: RFC 5280, RFC 6962, RFC 8410; CMS and time-stamping:
// RFC 5652, RFC 3161, RFC 5816; Fulcio: certificate-specification of sigstore/fulcio; keys at rest: RFC 8018, RFC 7914.

export const oids = {
  // Attributes of a Name, X.520.
  commonName: "2.5.4.3",
  organization: "2.5.4.10",

  // Extensions, RFC 5280 §4.2.
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  authorityKeyIdentifier: "2.5.29.35",
  extKeyUsage: "2.5.29.37",

  // Key purposes, RFC 5280 §4.2.1.12.
  anyExtendedKeyUsage: "2.5.29.37.0",
  codeSigning: "1.3.6.1.5.5.7.3.3",
  timeStamping: "1.3.6.1.5.5.7.3.8",

  // Certificate Transparency, RFC 6962 §3.1, §3.3.
  sctList: "1.3.6.1.4.1.11129.2.4.2",
  precertPoison: "1.3.6.1.4.1.11129.2.4.3",

  // Fulcio.
  fulcioUsername: "1.3.6.1.4.1.57264.1.7",
  sigstoreTimestampPolicy: "1.3.6.1.4.1.57264.2",
  transparencyLogEntry: "1.3.6.1.4.1.57264.3.1",

  // Algorithms, RFC 5480, RFC 5754, RFC 5758, RFC 8017, RFC 8410.
  sha256: "2.16.840.1.101.3.4.2.1",
  sha384: "2.16.840.1.101.3.4.2.2",
  sha512: "2.16.840.1.101.3.4.2.3",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  ecdsaWithSha384: "1.2.840.10045.4.3.3",
  ecdsaWithSha512: "1.2.840.10045.4.3.4",
  ecPublicKey: "1.2.840.10045.2.1",
  ed25519: "1.3.101.112",
  rsaEncryption: "1.2.840.113549.1.1.1",
  mgf1: "1.2.840.113549.1.1.8",
  rsassaPss: "1.2.840.113549.1.1.10",
  sha256WithRsa: "1.2.840.113549.1.1.11",
  sha384WithRsa: "1.2.840.113549.1.1.12",
  sha512WithRsa: "1.2.840.113549.1.1.13",

  // CMS and time-stamping, RFC 5652 §5, §11; RFC 3161 §2.4.2; RFC 5035 §3.
  data: "1.2.840.113549.1.7.1",
  signedData: "1.2.840.113549.1.7.2",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingTime: "1.2.840.113549.1.9.5",
  timeStampToken: "1.2.840.113549.1.9.16.2.14",
  tstInfo: "1.2.840.113549.1.9.16.1.4",
  signingCertificate: "1.2.840.113549.1.9.16.2.12",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",

  // Encryption of private keys, RFC 8018 §A.2, §A.4, §B; RFC 7914 §7; AES of FIPS 197 in NIST's arc.
  pbes2: "1.2.840.113549.1.5.13",
  pbkdf2: "1.2.840.113549.1.5.12",
  scrypt: "1.3.6.1.4.1.11591.4.11",
  hmacWithSha1: "1.2.840.113549.2.7",
  hmacWithSha256: "1.2.840.113549.2.9",
  hmacWithSha384: "1.2.840.113549.2.10",
  hmacWithSha512: "1.2.840.113549.2.11",
  aes128Cbc: "2.16.840.1.101.3.4.1.2",
  aes192Cbc: "2.16.840.1.101.3.4.1.22",
  aes256Cbc: "2.16.840.1.101.3.4.1.42",

  // ML-DSA, RFC 9881 §2.
  mlDsa44: "2.16.840.1.101.3.4.3.17",
  mlDsa65: "2.16.840.1.101.3.4.3.18",
  mlDsa87: "2.16.840.1.101.3.4.3.19",
} as const;
