export { isLockfile, isUnreadableLockfile, lockfileNames, parseLockfile } from "./lockfile.ts";
export type { Dependency } from "./model.ts";
export { packageUrl } from "./purl.ts";
export { compareVersions, semVerOrder, versionOrder, type ParsedVersion, type VersionOrder } from "./version.ts";
