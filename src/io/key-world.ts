// What opening a key needs of the world.

import type { SecretPrompt } from "./prompt.ts";

export interface KeyWorld {
  /** Variables such as SEALWRIGHT_KEY_PASSWORD; `process.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where relative paths start. */
  readonly folder: string;
  /** Asks a person. Without it there are only the environment and files. */
  readonly prompt?: SecretPrompt | undefined;
}
