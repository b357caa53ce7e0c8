// Every bound of this area in one place. The first two are Tekton's own: a run must fit an etcd object, and a result
// a termination message (Tekton docs/tasks.md, "Emitting results").

/** Bytes of one result, as Tekton's `max-result-size` default. */
export const maxResultBytes = 4096;
/** Bytes of one YAML text; the parser looks for duplicate keys in quadratic time. */
export const maxYamlBytes = 262_144;
export const maxYamlDocuments = 64;
/** Nodes after aliases are followed, so that an alias bomb stays small. */
export const maxYamlNodes = 20_000;
export const maxYamlDepth = 48;
/** Items of any list in a document: tasks, steps, params, args. */
export const maxItems = 512;
/** Characters of one string after substitution. */
export const maxTextLength = 262_144;
export const maxRetries = 10;
/** Task runs that are under way at once. */
export const maxConcurrentTasks = 4;
/** Tekton's config-defaults `default-timeout-minutes`. */
export const defaultTimeoutMs = 60 * 60 * 1000;
