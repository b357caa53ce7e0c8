// What the verbs ask of the world; main hands it in.

import type {
  AdvisorySource,
  BuildOptions,
  BuildWorld,
  Files,
  InitWorld,
  Organisation,
  Progress,
  Randomness,
  SigningWorld,
  Verifier,
} from "../flows/index.ts";
import type { Json, JsonObject } from "../core/index.ts";
import type { LocalSigner } from "../crypto/index.ts";
import type { RepositoryStore, TufClient } from "../tuf/index.ts";
import type { TrustOptions } from "./program.ts";
import type { VerifyTargetWorld } from "./verify-image.ts";

/** The clone the command runs in. */
export interface Repository {
  readonly top: string;
  readonly name: string;
  readonly sourceUri: string;
}

export interface InitVerbWorld {
  repository(): Promise<Repository>;
  readFile(path: string, maxBytes: number): Promise<Uint8Array>;
  openInit(dir: string, progress: Progress): Promise<InitWorld>;
}

export interface Serving {
  readonly url: string;
  close(): Promise<void>;
}

export interface UpVerbWorld {
  organisation(dir: string): Promise<Organisation>;
  serve(dir: string, host: string, port: number): Promise<Serving>;
  /** Resolves when the process is asked to end. */
  interrupted(): Promise<void>;
}

/** A build made ready: everything that `runBuild` and `attestBuild` need. */
export interface OpenedBuild {
  readonly organisation: Organisation;
  readonly options: BuildOptions;
  readonly world: BuildWorld;
  readonly signing: SigningWorld;
  readonly builder: { readonly id: string; readonly version: string; readonly signer: LocalSigner };
  /** Has the organisation's service verify the release and record its decision. */
  decide(release: JsonObject): Promise<Json>;
  /** Removes the workspaces. */
  close(): Promise<void>;
}

export interface BuildRequest {
  readonly dir: string;
  readonly folder: string;
  /** Where the release will go; checked before anything runs. */
  readonly release: string;
  readonly workspaces: ReadonlyMap<string, string>;
  readonly params: ReadonlyMap<string, string>;
}

export interface BuildVerbWorld {
  readonly cwd: string;
  openBuild(request: BuildRequest, progress: Progress): Promise<OpenedBuild>;
  files(folder: string): Promise<Files>;
}

export interface ConsumerVerbWorld {
  /** What is loaded only to verify: folders, images. */
  targets(): Promise<VerifyTargetWorld>;
  now(): number;
  /** One TUF update from what the options name. */
  openTrust(options: TrustOptions): Promise<TufClient>;
  readFile(path: string, maxBytes: number): Promise<Uint8Array>;
  /** A file of any size, piece by piece. */
  readPieces?(path: string): AsyncIterable<Uint8Array>;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  files(folder: string): Promise<Files>;
  advisories(folder: string | undefined): Promise<AdvisorySource>;
  verifier(): Promise<Verifier>;
}

export interface DemoVerbWorld extends InitVerbWorld, BuildVerbWorld {
  now(): number;
  /** Milliseconds from any start, for durations. */
  nowPrecise(): number;
  randomness(): Promise<Randomness>;
  /** The kind of sandbox that works here; `none` when none does. */
  sandbox(): Promise<string>;
  freePort(): Promise<number>;
  freshFolder(): Promise<string>;
  serve(dir: string, port: number): Promise<Serving>;
  signingAs(dir: string, claims: Readonly<Record<string, unknown>>, subject: string): Promise<SigningWorld>;
  /** A TUF client with its own state, over an address or a folder. */
  openClient(root: Uint8Array, mirror: string, stateFolder: string): Promise<TufClient>;
  /** The store of an organisation's TUF repository. */
  openTuf(dir: string): Promise<RepositoryStore & { close(): Promise<void> }>;
  /** The shipped records, with public ones where they lie beside the repository. */
  advisories(): Promise<AdvisorySource>;
  newVerifier(id: string): Promise<Verifier>;
  readonly command: string;
}
