export * from "./create.ts";
export * from "./expectations.ts";
export { includesLevel } from "./level.ts";
export * from "./model.ts";
export * from "./parse.ts";
export { verifyProvenance, type ProvenanceInput } from "./verify.ts";
export * from "./verify-summary.ts";
