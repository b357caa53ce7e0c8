export * from "./client.ts";
export * from "./paths.ts";
export * from "./signing-client.ts";
