export * from "./bytes.ts";
export * from "./canonical.ts";
export * from "./fields.ts";
export * from "./json.ts";
export * from "./printable.ts";
export * from "./problem.ts";
export * from "./time.ts";
export * from "./verified.ts";
