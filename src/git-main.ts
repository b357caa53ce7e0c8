// What git's verbs are handed, and the program that git itself starts: trust and services by git's own configuration or
// the environment, an identity from the surroundings. Loaded only for these verbs.

import { writeFileSync, writeSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createSigningClients } from "./api/index.ts";
import type { GitOptions, GitProgramWorld, GitSettings, GitVerbWorld, Output } from "./cli/index.ts";
import { concat, Problem } from "./core/index.ts";
import { generateKey, randomBytes } from "./crypto/index.ts";
import { loadSigningConfig, loadSigstoreTrust, openSigning, tokenAudience } from "./flows/index.ts";
import { ambientIdentity, files, gitSettings, readGitObject, request } from "./io/index.ts";
import { openTrust, ownToken, type TrustPlace } from "./own-organisation.ts";
import {
  parseSigningConfig,
  parseTrustedRoot,
  prepareTrust,
  type SigningConfig,
  type Trust,
} from "./sigstore/index.ts";

const maxSmallBytes = 2 * 1024 * 1024;
const section = "sealwright";
const clock = { now: () => Date.now() };

/** Runs a verb by its name in the repository of this folder. Exit code and Problems as of the verb. */
export async function runGit(name: string, args: readonly string[], options: GitOptions, out: Output): Promise<number> {
  if (name === "sign") return runGitProgram(args);
  const { gitVerb } = await import("./cli/git.ts");
  const world: GitVerbWorld = {
    settings,
    trust: (given, found) => openGivenTrust(given, found),
    readObject: async (revision, type) => ({ type, ...(await readGitObject(process.cwd(), revision, type)) }),
  };
  return gitVerb(name, args[0] as string, { options, world, out });
}

/** What git starts as `gpg.x509.program`. */
export async function runGitProgram(args: readonly string[]): Promise<number> {
  const { gitProgram } = await import("./cli/git-protocol.ts");
  const world: GitProgramWorld = {
    now: clock.now,
    readInput,
    readFile: (path, maxBytes) => files.read(resolve(path), maxBytes),
    write: (text) => void process.stdout.write(text),
    say: (text) => void process.stderr.write(text),
    show,
    status: (fd, text) => void writeSync(fd, text),
    settings,
    trust: async (found) => openGivenTrust(undefined, found),
    openSigner,
  };
  return gitProgram(args, world);
}

/** Where there is no terminal, nobody has to be told. */
function show(text: string): void {
  try {
    writeFileSync("/dev/tty", text, { flag: "a" });
  } catch {
    // Said on standard error too.
  }
}

async function readInput(maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) throw new Problem("io/too-large", `standard input has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return concat(...chunks);
}

async function settings(): Promise<GitSettings> {
  const { readGitSettings } = await import("./cli/git-settings.ts");
  return readGitSettings(await gitSettings(process.cwd(), section));
}

/** As git reads a path in its configuration. */
function expand(path: string | undefined): string | undefined {
  return path?.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
}

/** The command line before the environment before git's configuration. */
function placeOf(given: GitOptions | undefined, found: GitSettings): TrustPlace {
  const { SEALWRIGHT_DIR, SEALWRIGHT_ROOT, SEALWRIGHT_MIRROR } = process.env;
  const usual = ".sealwright";
  // The option has a default, which says nothing of what its user wants.
  const dir = given === undefined || given.dir === usual ? SEALWRIGHT_DIR || expand(found.dir) : given.dir;
  return {
    dir: dir ?? usual,
    root: given?.root ?? (SEALWRIGHT_ROOT || expand(found.root)),
    mirror: given?.mirror ?? (SEALWRIGHT_MIRROR || expand(found.mirror)),
  };
}

async function readTrust(path: string): Promise<Trust> {
  return prepareTrust(parseTrustedRoot(await files.read(resolve(path), maxSmallBytes)));
}

async function openGivenTrust(given: GitOptions | undefined, found: GitSettings): Promise<Trust> {
  const asked = given?.root ?? given?.mirror;
  const file = given?.trustedRoot ?? (asked === undefined ? expand(found.trustedRoot) : undefined);
  if (file !== undefined) return readTrust(file);
  return loadSigstoreTrust(await openTrust(placeOf(given, found), clock.now()));
}

async function servicesOf(found: GitSettings): Promise<{ readonly config: SigningConfig; readonly trust: Trust }> {
  const [config, root] = [expand(found.signingConfig), expand(found.trustedRoot)];
  if (config !== undefined && root !== undefined)
    return {
      config: parseSigningConfig(await files.read(resolve(config), maxSmallBytes)),
      trust: await readTrust(root),
    };
  if (config !== undefined)
    throw new Problem("cli/git-config", "sealwright.signingConfig goes with sealwright.trustedRoot");
  const client = await openTrust(placeOf(undefined, found), clock.now());
  return { config: await loadSigningConfig(client), trust: await loadSigstoreTrust(client) };
}

async function openSigner(found: GitSettings): ReturnType<GitProgramWorld["openSigner"]> {
  const { config, trust } = await servicesOf(found);
  const signer = openSigning({
    config,
    trust,
    material: { kind: "identity", token: () => identityToken(found) },
    clients: createSigningClients({ transport: request, wait: sleep }),
    random: { bytes: randomBytes, key: generateKey },
    now: clock.now(),
  });
  return { signer, trust };
}

/** Of the surroundings, else the organisation's own where its folder is at hand. Problem `oidc/no-identity`. */
async function identityToken(found: GitSettings): Promise<string> {
  const ambient = await ambientIdentity(tokenAudience);
  if (ambient !== undefined) return ambient.token;
  // Its own services take its own tokens; others' do not.
  const { dir, root } = placeOf(undefined, found);
  const isOwn = found.signingConfig === undefined && root === undefined;
  const own = isOwn ? await ownToken(dir, userInfo().username, tokenAudience, clock.now()) : undefined;
  if (own !== undefined) return own;
  throw new Problem("oidc/no-identity", "there is no identity to sign as", {
    hint: "give a token in SIGSTORE_ID_TOKEN",
  });
}
