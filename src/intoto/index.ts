export * from "./create.ts";
export { compileGlob, type Glob } from "./glob.ts";
export { sigstoreFunctionary, verificationKey } from "./key.ts";
export * from "./link-predicate.ts";
export * from "./model.ts";
export { parseLayout, parseLink, parseMetadata } from "./parse.ts";
export type { Parameters } from "./parameters.ts";
export { encodeRule, equalDigests, parseRule } from "./rules.ts";
export {
  createStatement,
  encodeResourceDescriptor,
  encodeStatement,
  encodeStringMap,
  isAcceptableDigest,
  isUnset,
  matchSubject,
  parseResourceDescriptor,
  parseStatement,
} from "./statement.ts";
export * from "./verify-supply-chain.ts";
export * from "./verify.ts";
