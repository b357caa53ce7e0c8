export * from "./output.ts";
export * from "./program.ts";
export type * from "./world.ts";
