export * from "./digest.ts";
export {
  ed25519PublicKey,
  encodePrivateKeyPem,
  encodePublicKeyPem,
  keyFingerprint,
  parsePrivateKeyPem,
  parsePublicKey,
  parsePublicKeyPem,
  rawEd25519,
  rsaPublicKey,
} from "./key.ts";
export type { KeyType, PrivateKey, PublicKey } from "./key.ts";
export { type KeyPassphrase, encryptPrivateKeyPem, isEncryptedKeyPem, openPrivateKeyPem } from "./encrypted-key.ts";
export * from "./pem.ts";
export * from "./random.ts";
export * from "./signature.ts";
export * from "./dsse.ts";
export * from "./verify-dsse.ts";
export * from "./algorithm.ts";
export * from "./csr.ts";
export * from "./der.ts";
export * as der from "./der-write.ts";
export * from "./ml-dsa.ts";
export * from "./oid.ts";
export * from "./precert.ts";
export * from "./sct.ts";
export * from "./verify-path.ts";
export * from "./x509.ts";
export * from "./x509-create.ts";
export * from "./x509-extensions.ts";
export * from "./cms.ts";
export * from "./verify-cms.ts";
export * from "./git-object-name.ts";
export * from "./rfc3161.ts";
export * from "./rfc3161-create.ts";
export * from "./verify-timestamp.ts";
