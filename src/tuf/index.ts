export {
  addSignatures,
  createNextRoot,
  createRoot,
  createSnapshot,
  createTargets,
  createTimestamp,
  describeFile,
  describeTarget,
  signMetadata,
  type Delegation,
  type NewTarget,
  type RoleKeys,
  type RootContent,
} from "./create.ts";
export type { TufClient } from "./client.ts";
export { createKey, encodeKey, signerKey, usableKey, type UsableKey } from "./key.ts";
export { defaultLimits, type TufLimits } from "./limits.ts";
export { createMemoryFetcher, createMemoryStore } from "./memory.ts";
export * from "./model.ts";
export { encodePath, isTargetPath, roleFile, targetFile } from "./names.ts";
export { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from "./parse.ts";
export {
  initialRepository,
  publish,
  resign,
  type Changes,
  type Publication,
  type Signing,
  type TargetChanges,
} from "./repository.ts";
export type { TufFetcher, TufStore } from "./session.ts";
export { readRepository, type RepositoryFile, type RepositoryState } from "./state.ts";
export { update, type UpdateOptions } from "./update.ts";
export { topLevel, validSigners, type Authority } from "./verify.ts";
