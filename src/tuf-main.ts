// What main hands to the verbs of `tuf`: the repository's store, private keys by reference, files, and whoever sits at
// the terminal. Loaded only for these verbs.

import { createReadStream, existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { fromUtf8, hex, isProblem, Problem, utf8 } from "./core/index.ts";
import {
  createSigner,
  encodePrivateKeyPem,
  encryptPrivateKeyPem,
  generateKey,
  isEncryptedKeyPem,
  type PublicKey,
  randomBytes,
  type Scheme,
  defaultScheme,
  type Signer,
} from "./crypto/index.ts";
import type { Output, TufClientWorld, TufOptions, TufVerbWorld } from "./cli/index.ts";
import { identitySigner, type Keyring, places } from "./flows/index.ts";
import {
  askOnTerminal,
  createFolderFetcher,
  createHttpFetcher,
  createMirrorArchive,
  createMirrorFolder,
  createTargetSink,
  databaseFile,
  files,
  isAttended,
  type KeyReference,
  openMirror,
  openRepositoryStore,
  openSigner,
  parseKeyReference,
  terminalPrompt,
} from "./io/index.ts";
import {
  createIdentityKey,
  createKey,
  createStoreFetcher,
  type Key,
  type MetadataSigner,
  signerKeyObject,
  usableKey,
} from "./tuf/index.ts";

const maxPemBytes = 64 * 1024;
const maxRootBytes = 1024 * 1024;
const elsewhere: ReadonlySet<string> = new Set([
  "io/not-found",
  "keys/identity-not-key",
  "keys/passphrase-missing",
  "keys/pin-missing",
  "keys/service-settings",
  "keys/token-missing",
  "keys/token-object",
]);
const passwordVariables = ["SEALWRIGHT_KEY_PASSWORD", "COSIGN_PASSWORD"];

/** What main has already. */
export interface TufMainWorld {
  readonly clock: { now(): number };
  readonly openTrust: TufClientWorld["openTrust"];
}

/** Runs one sub-verb. Exit code and Problems as of the verb. */
export async function runTuf(
  name: string,
  args: readonly string[],
  options: TufOptions,
  out: Output,
  { clock, openTrust }: TufMainWorld,
): Promise<number> {
  const { tufVerb } = await import("./cli/tuf.ts");
  const ask = isAttended() && options.output === "text" && options.yes !== true ? askOnTerminal() : undefined;
  return tufVerb(name, { args, options, world: createWorld(clock, openTrust, ask), out, made: [] });
}

function createWorld(
  clock: { now(): number },
  openTrust: TufClientWorld["openTrust"],
  ask: TufVerbWorld["ask"],
): TufVerbWorld {
  return {
    now: clock.now,
    random: { bytes: randomBytes, key: generateKey },
    openStore: async (dir, { create = false } = {}) => {
      const isThere = existsSync(join(dir, databaseFile)) || existsSync(join(dir, places.organisation));
      if (!isThere && !create) {
        throw new Problem("organisation/missing", `there is no organisation in ${dir}`, {
          hint: "name its folder with --dir or SEALWRIGHT_DIR, or make a repository with sealwright tuf ceremony",
        });
      }
      return openRepositoryStore(dir);
    },
    keyring: (dir, references, options) => new ReferenceKeyring(dir, references, options.ask, clock),
    openKey: async (reference, dir, { isRehearsal = false } = {}) => openNamedKey(reference, dir, isRehearsal, clock),
    createKey: async (dir, keyName) => {
      const path = `${places.keys}/${keyName}.pem`;
      if (existsSync(join(dir, path))) return undefined;
      const { key, save } = newKey(join(dir, path));
      return { reference: `file:${path}`, key, save };
    },
    absolute: (reference, dir) => {
      const parsed = parseKeyReference(reference);
      return parsed.kind === "file" && !isAbsolute(parsed.path) ? `file:${resolve(dir, parsed.path)}` : reference;
    },
    readFile: async (path, maxBytes) => files.read(resolve(path), maxBytes),
    readFileIfThere: async (path, maxBytes) => files.readIfThere(resolve(path), maxBytes),
    writeFile: async (path, bytes) => files.write(resolve(path), bytes),
    openFile: (path) => readInPieces(resolve(path)),
    ask,
    client: clientWorld(openTrust),
  };
}

function clientWorld(openTrust: TufClientWorld["openTrust"]): TufClientWorld {
  return {
    openTrust,
    readRoot: async ({ root, dir }) => {
      if (root !== undefined) return files.read(resolve(root), maxRootBytes);
      const own = await files.readIfThere(join(dir, places.root), maxRootBytes);
      if (own !== undefined) return own;
      throw new Problem("cli/usage", `there is no root to start from: ${dir} has none`, {
        hint: "give --root FILE, the root.json that was handed over",
      });
    },
    openSource: async (mirror, dir) => {
      if (mirror === undefined) {
        const store = await openRepositoryStore(dir);
        return { name: dir, fetcher: createStoreFetcher(store), close: () => store.close() };
      }
      if (/^https?:\/\//.test(mirror)) {
        return { name: mirror, fetcher: createHttpFetcher(mirror), close: async () => undefined };
      }
      return { name: mirror, ...(await openMirror(resolve(mirror), tmpdir())) };
    },
    mirrorSink: (path) =>
      path.endsWith(".tar") ? createMirrorArchive(resolve(path)) : createMirrorFolder(resolve(path)),
    folderFetcher: (path) => createFolderFetcher(resolve(path)),
    targetSink: (folder, path) => createTargetSink(resolve(folder), path),
  };
}

async function* readInPieces(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new Problem(
      isMissing ? "io/not-found" : "io/read",
      isMissing ? `there is no file ${path}` : `cannot read ${path}`,
      {
        cause,
      },
    );
  }
}

/** A P-256 key: what every client knows. */
function newKey(path: string): { readonly key: Key; save(passphrase?: string): Promise<void> } {
  const key = generateKey("ecdsa-p256");
  const save = async (passphrase = "") => {
    const pem = passphrase === "" ? encodePrivateKeyPem(key) : await encryptPrivateKeyPem(key, passphrase);
    await files.write(path, utf8(pem), { private: true, isNew: true });
  };
  return { key: createKey(key.publicKey), save };
}

/** Of a key that a person keeps: from the environment, else from the terminal, where none is an answer too. */
async function newPassphrase(name: string): Promise<string> {
  const given = passwordVariables.map((each) => process.env[each]).find((each) => each !== undefined);
  const prompt = isAttended() ? terminalPrompt() : undefined;
  if (given !== undefined || prompt === undefined) return given ?? "";
  const typed = await prompt(`Passphrase for ${name} (empty: none): `);
  if (typed !== (await prompt("The same again: "))) throw new Problem("keys/passphrase", "the two are not the same");
  return typed;
}

/** TUF has RSA sign with PSS; every other kind has one scheme. */
function tufScheme(key: PublicKey): Scheme {
  return key.type === "rsa" ? "rsa-pss-sha256" : defaultScheme(key);
}

function metadataSigner(signer: Signer, keyObject = signerKeyObject(signer)): MetadataSigner {
  return { keyObject, sign: async (message) => ({ sig: hex(await signer.sign(message)) }) };
}

interface Clock {
  now(): number;
}

type IdentityName = Omit<Extract<KeyReference, { kind: "sigstore" }>, "kind">;

async function openIdentity(name: IdentityName, dir: string, clock: Clock): Promise<MetadataSigner | undefined> {
  const { identitySigning } = await import("./sign-main.ts");
  const signing = await identitySigning(dir, name, clock);
  return signing && identitySigner(signing, name.issuer, name.identity);
}

/** Naming an identity needs no token of it; signing as it does. */
function namedIdentity(name: IdentityName, dir: string, clock: Clock): MetadataSigner {
  return {
    keyObject: createIdentityKey(name.issuer, name.identity),
    async sign(message) {
      const signer = await openIdentity(name, dir, clock);
      if (signer !== undefined) return signer.sign(message);
      throw new Problem("oidc/no-identity", `there is no token here to sign as ${name.identity}`);
    },
  };
}

/** A file is looked for from the working folder, then from the organisation's, and remembered from there where it is in it. */
async function openNamedKey(
  text: string,
  dir: string,
  isRehearsal: boolean,
  clock: Clock,
): Promise<{ signer: MetadataSigner; reference: string }> {
  const made = /^new:(.+)$/.exec(text)?.[1];
  if (made !== undefined) {
    if (existsSync(resolve(made))) {
      throw new Problem("io/exists", `${made} is there already`, { hint: `to use the key in it: --key ${made}` });
    }
    if (isRehearsal) {
      return { signer: metadataSigner(createSigner(generateKey("ecdsa-p256"))), reference: `file:${made}` };
    }
    await newKey(resolve(made)).save(await newPassphrase(made));
  }
  const parsed = parseKeyReference(made ?? text);
  const world = { environment: process.env, folder: process.cwd(), prompt: terminalPrompt() };
  if (parsed.kind === "sigstore") return { signer: namedIdentity(parsed, dir, clock), reference: text };
  if (parsed.kind !== "file") {
    return { signer: metadataSigner(await openSigner(parsed, world, { scheme: tufScheme })), reference: text };
  }
  const isHere = existsSync(resolve(parsed.path));
  const path = isHere || isAbsolute(parsed.path) ? resolve(parsed.path) : resolve(dir, parsed.path);
  const own = `${resolve(dir)}/`;
  const reference = `file:${path.startsWith(own) ? path.slice(own.length) : path}`;
  const signer = await openSigner({ kind: "file", path }, world, { scheme: tufScheme });
  return { signer: metadataSigner(signer), reference };
}

/** The private keys that references lead to. Each is opened once, when something is to be signed with it. */
class ReferenceKeyring implements Keyring {
  private readonly opened = new Map<string, Promise<MetadataSigner | undefined>>();

  constructor(
    private readonly dir: string,
    private readonly references: ReadonlyMap<string, string>,
    private readonly mayAsk: boolean,
    private readonly clock: Clock,
  ) {}

  signer(key: Key): Promise<MetadataSigner | undefined> {
    const known = this.opened.get(key.keyid) ?? this.open(key);
    this.opened.set(key.keyid, known);
    return known;
  }

  where(keyid: string): string | undefined {
    return this.references.get(keyid);
  }

  opens(keyid: string): boolean {
    const reference = this.references.get(keyid);
    if (reference === undefined) return false;
    const parsed = parseKeyReference(reference);
    if (parsed.kind === "vault") return process.env["VAULT_TOKEN"] !== undefined;
    if (parsed.kind !== "file") return false;
    const pem = readPem(isAbsolute(parsed.path) ? parsed.path : join(this.dir, parsed.path));
    if (pem === undefined) return false;
    return !isEncryptedKeyPem(pem) || passwordVariables.some((name) => process.env[name] !== undefined);
  }

  private async open(key: Key): Promise<MetadataSigner | undefined> {
    const reference = this.references.get(key.keyid);
    if (reference === undefined || (!this.mayAsk && !this.opens(key.keyid))) return undefined;
    const parsed = parseKeyReference(reference);
    if (parsed.kind === "sigstore") {
      const signer = await openIdentity(parsed, this.dir, this.clock);
      return signer && { ...signer, keyObject: { ...signer.keyObject, keyid: key.keyid } };
    }
    const prompt = this.mayAsk ? terminalPrompt() : undefined;
    const world = { environment: process.env, folder: this.dir, prompt };
    const scheme = usableKey(key)?.scheme;
    try {
      const signer = await openSigner(parsed, world, { scheme: (found) => scheme ?? tufScheme(found) });
      return metadataSigner(signer, { ...signerKeyObject(signer), keyid: key.keyid });
    } catch (error) {
      // A key that is not here, or that nobody can be asked about, is for somebody to sign with elsewhere. One that is
      // here and does not open is told.
      const isElsewhere = isProblem(error) && elsewhere.has(error.code);
      if (isElsewhere) return undefined;
      throw error;
    }
  }
}

function readPem(path: string): string | undefined {
  try {
    const bytes = readFileSync(path);
    return bytes.length > maxPemBytes ? undefined : fromUtf8(bytes);
  } catch {
    return undefined;
  }
}
