export {
  addSignatures,
  createNextRoot,
  createRoot,
  createSnapshot,
  createTargets,
  createTimestamp,
  describeFile,
  describeTarget,
  encodeDelegations,
  signMetadata,
  type Delegation,
  type NewTarget,
  type RoleKeys,
  type RootContent,
} from "./create.ts";
export type { TargetDraft, TargetSink, TufClient } from "./client.ts";
export { coveringDelegations } from "./delegation.ts";
export type { DelegatedIdentities, VerifyIdentity } from "./identity.ts";
export { createIdentityKey, createKey, computedKeyId, encodeKey, signerKey, usableKey, type UsableKey } from "./key.ts";
export { defaultLimits, type TufLimits } from "./limits.ts";
export { openMap, type AgreedTarget, type MapClient, type OpenRepositoryOptions } from "./map.ts";
export { createMemoryFetcher, createMemoryStore } from "./memory.ts";
export {
  exportMirror,
  importMirror,
  type ExportOptions,
  type ExportSummary,
  type ImportOptions,
  type MirrorSink,
} from "./mirror.ts";
export * from "./model.ts";
export { encodePath, isTargetPath, roleFile, targetFile } from "./names.ts";
export { parseRepositoryMap, type Mapping, type RepositoryMap } from "./parse-map.ts";
export { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from "./parse.ts";
export { commitPublication, nextTargets, transact } from "./commit.ts";
export { initialRepository, publish, resign, type ResignOptions } from "./publish.ts";
export { isRepository, openRepository, type RepositoryOptions } from "./repository.ts";
export type {
  BinsChange,
  BinsState,
  Changes,
  DelegatedTargets,
  Publication,
  Repository,
  Signing,
  TargetChanges,
} from "./repository-model.ts";
export type {
  RepositoryCommit,
  RepositoryEvent,
  RepositoryFile,
  RepositoryStore,
  StoredTarget,
} from "./repository-store.ts";
export {
  checkTargetHash,
  createMemoryRepositoryStore,
  createOverlayStore,
  createStoreFetcher,
  exportRepository,
  targetHash,
} from "./memory-repository.ts";
export { roleStates, type RoleState } from "./role-states.ts";
export {
  binsGroup,
  defaultSettings,
  encodeSettings,
  parseSettings,
  roleSettings,
  settingsRecord,
  type RepositorySettings,
  type RoleSettings,
} from "./settings.ts";
export { signerKeyObject, type MetadataSigner, type RoleSigner } from "./signer.ts";
export { prepareKeys } from "./post-quantum.ts";
export type { TufFetcher, TufStore } from "./session.ts";
export { update, type UpdateOptions } from "./update.ts";
export { topLevel, validSigners, type Authority } from "./verify.ts";
