// What the verbs of `tuf` ask of the world; src/tuf-main.ts hands it in.

import type { Keyring, Randomness } from "../flows/index.ts";
import type {
  Key,
  MetadataSigner,
  MirrorSink,
  RepositoryStore,
  TargetSink,
  TufClient,
  TufFetcher,
} from "../tuf/index.ts";
import type { Output } from "./output.ts";

export type OpenedStore = RepositoryStore & { close(): Promise<void> };

/** A repository to read from, by what it is called. */
export interface TufSource {
  readonly name: string;
  readonly fetcher: TufFetcher;
  close(): Promise<void>;
}

export interface TufClientWorld {
  /** One update with what was seen before as the measure. */
  openTrust(options: { readonly dir: string; readonly root?: string; readonly mirror?: string }): Promise<TufClient>;
  /** The root to start from: `--root`, or the organisation's. */
  readRoot(options: { readonly dir: string; readonly root?: string }): Promise<Uint8Array>;
  /** An address, a folder or a tar archive; undefined: the organisation's own repository, without a server. */
  openSource(mirror: string | undefined, dir: string): Promise<TufSource>;
  mirrorSink(path: string): MirrorSink;
  folderFetcher(path: string): TufFetcher;
  targetSink(folder: string, path: string): TargetSink;
}

export interface CreatedKey {
  readonly reference: string;
  readonly key: Key;
  save(): Promise<void>;
}

export interface TufVerbWorld {
  now(): number;
  random: Randomness;
  /** The repository of an organisation's folder; Problem `organisation/missing` unless `create` says to begin one. */
  openStore(dir: string, options?: { readonly create?: boolean }): Promise<OpenedStore>;
  /** The private keys that references lead to, by key id. `ask`: a passphrase or PIN may be asked for. */
  keyring(dir: string, references: ReadonlyMap<string, string>, options: { readonly ask: boolean }): Keyring;
  /**
   * One key by its reference; relative paths start at the working folder, then at the organisation's. `new:PATH` makes
   * one, which a rehearsal throws away.
   */
  openKey(
    reference: string,
    dir: string,
    options?: { readonly isRehearsal?: boolean },
  ): Promise<{ readonly signer: MetadataSigner; readonly reference: string }>;
  /** A new private key, to be a file in the organisation's folder once it is saved; undefined: the name is taken. */
  createKey(dir: string, name: string): Promise<CreatedKey | undefined>;
  /** The same reference from wherever it is read: a relative path below the folder becomes an absolute one. */
  absolute(reference: string, dir: string): string;
  readFile(path: string, maxBytes: number): Promise<Uint8Array>;
  readFileIfThere(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  /** A file in pieces. */
  openFile(path: string): AsyncIterable<Uint8Array>;
  /** Asks a person for a line; undefined where nobody can be asked. An empty answer is "". */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  readonly client: TufClientWorld;
}

/** What the options of every sub-verb become. */
export interface TufOptions {
  readonly dir: string;
  readonly output: "text" | "json";
  readonly quiet: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly path?: readonly string[];
  readonly role?: string;
  readonly roles?: string;
  readonly custom?: string;
  readonly key?: readonly string[];
  readonly with?: readonly string[];
  readonly threshold?: number;
  readonly terminating?: boolean;
  readonly from?: string;
  readonly lost?: boolean;
  readonly newRoot?: string;
  readonly out?: string;
  readonly root?: string;
  readonly mirror?: string;
  readonly transcript?: string;
  readonly targets?: boolean;
  readonly expect?: readonly string[];
  readonly at?: string;
  readonly target?: readonly string[];
  readonly partial?: boolean;
  readonly rootKeys?: string;
  readonly rootThreshold?: number;
  readonly targetsKeys?: string;
  readonly targetsThreshold?: number;
}

/** One call of a sub-verb. */
export interface TufCall {
  readonly args: readonly string[];
  readonly options: TufOptions;
  readonly world: TufVerbWorld;
  readonly out: Output;
  /** New keys, saved once it is known that the operation is possible. */
  readonly made: CreatedKey[];
}
