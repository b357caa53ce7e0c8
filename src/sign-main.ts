// What main hands to `sign`, `attest`, `tree` and `copy`: services by their addresses, an identity from wherever there
// is one, keys by reference, images. Loaded only for these verbs.

import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createSigningClients } from "./api/index.ts";
import type { Output, SignOptions, SignVerbWorld } from "./cli/index.ts";
import { fromUtf8, Problem } from "./core/index.ts";
import { generateKey, randomBytes } from "./crypto/index.ts";
import {
  claimsOf,
  type IdentitySigning,
  loadSigningConfig,
  loadSigstoreTrust,
  loginIssuer,
  openSigning,
  tokenAudience,
} from "./flows/index.ts";
import {
  ambientIdentity,
  demandAudience,
  files,
  isImageName,
  logInByBrowser,
  logInByDevice,
  measureFolder,
  openImage,
  openSigner,
  request,
  terminalPrompt,
} from "./io/index.ts";
import { openTrust, ownIdentity, ownToken } from "./own-organisation.ts";
import { parseSigningConfig, parseTrustedRoot, prepareTrust, type SigningConfig } from "./sigstore/index.ts";

const maxSmallBytes = 2 * 1024 * 1024;
const maxTokenBytes = 16 * 1024;

interface Clock {
  now(): number;
}

/** Runs one verb by its name. Exit code and Problems as of the verb. */
export async function runSign(
  name: string,
  args: readonly string[],
  options: SignOptions,
  out: Output,
  clock: Clock,
): Promise<number> {
  const { signVerb } = await import("./cli/sign.ts");
  return signVerb(name, args, { options, world: createWorld(clock, out), out });
}

function createWorld(clock: Clock, out: Output): SignVerbWorld {
  const prompt = terminalPrompt();
  return {
    now: clock.now,
    random: { bytes: randomBytes, key: generateKey },
    clients: createSigningClients({ transport: request, wait: sleep }),
    kindOf,
    readFile: (path, maxBytes) => files.read(resolve(path), maxBytes),
    writeFile: (path, bytes) => files.write(resolve(path), bytes),
    measureFolder: (path) => measureFolder(resolve(path)),
    openImage,
    services: (options) => services(options, clock),
    identityToken: (options, config) => identityToken(options, config, clock, out),
    openSigner: (reference) => openSigner(reference, { environment: process.env, folder: process.cwd(), prompt }),
  };
}

/** What `verify` needs for what is no single file. */
export const verifyTargets = {
  kindOf,
  readFile: (path: string, maxBytes: number) => files.read(resolve(path), maxBytes),
  measureFolder: (path: string) => measureFolder(resolve(path)),
  openImage: (text: string) => openImage(text),
};

async function kindOf(artifact: string): Promise<"file" | "folder" | "image"> {
  if (existsSync(artifact)) return statSync(artifact).isDirectory() ? "folder" : "file";
  if (isImageName(artifact)) return "image";
  throw new Problem("io/not-found", `there is no file or folder ${artifact}`, {
    hint: "an image is named with its registry, such as registry.example.com/team/app:1.0 or docker.io/library/app",
  });
}

async function services(options: SignOptions, clock: Clock) {
  const { signingConfig, trustedRoot } = options;
  if (signingConfig !== undefined && trustedRoot !== undefined) {
    return {
      config: parseSigningConfig(await files.read(resolve(signingConfig), maxSmallBytes)),
      trust: prepareTrust(parseTrustedRoot(await files.read(resolve(trustedRoot), maxSmallBytes))),
    };
  }
  const client = await openTrust(options, clock.now());
  return { config: await loadSigningConfig(client), trust: await loadSigstoreTrust(client) };
}

/**
 * One that was given, else that of the surroundings, else the organisation's own where its folder is at hand, else who
 * logs in. Problems `oidc/*`, `cli/usage`.
 */
async function identityToken(options: SignOptions, config: SigningConfig, clock: Clock, out: Output): Promise<string> {
  const { identityToken: given, login, oidcIssuer, oidcClientId: clientId } = options;
  if (given !== undefined) return givenToken(given);
  if (login === undefined && oidcIssuer === undefined) {
    const ambient = await ambientIdentity(tokenAudience);
    if (ambient !== undefined) {
      out.progress(`signing with the identity of ${ambient.source}`);
      return ambient.token;
    }
    // Its own services take its own tokens; others' do not.
    const own =
      options.signingConfig === undefined && options.root === undefined
        ? await ownToken(options.dir, userInfo().username, tokenAudience, clock.now())
        : undefined;
    if (own !== undefined) return own;
    if (process.stdin.isTTY !== true) {
      throw new Problem("oidc/no-identity", "there is no identity to sign as, and nobody sits here to log in", {
        hint: "give --identity-token, --key, or --login device",
      });
    }
  }
  const issuer = oidcIssuer ?? loginIssuer(config, clock.now());
  const common = { issuer, clientId, now: clock.now, wait: (ms: number) => sleep(ms) };
  if (login === "device") {
    return logInByDevice({
      ...common,
      show: ({ url, code }) => out.progress(`open ${url} and enter ${code}`),
    });
  }
  return logInByBrowser({
    ...common,
    open: (url) => {
      out.progress(`log in at ${url}`);
      openBrowser(url);
    },
  });
}

async function givenToken(given: string): Promise<string> {
  // A token has two dots and no slash or space; anything else is the path of a file.
  const isToken = /^[\w-]+\.[\w-]+\.[\w-]*$/.test(given);
  const token = isToken ? given : fromUtf8(await files.read(resolve(given), maxTokenBytes)).trim();
  demandAudience(token, tokenAudience, "--identity-token");
  return token;
}

/**
 * Signs TUF metadata as an identity, with the services that the organisation in `dir` names: by the token of the
 * surroundings when it is of this issuer, else by the organisation's own when it is this user's. Undefined: whoever
 * signs as it is elsewhere; nobody is asked to log in. Problems of `openTrust`, `trust/*`, `oidc/*`.
 */
export async function identitySigning(
  dir: string,
  wanted: { readonly issuer: string; readonly identity: string },
  clock: Clock,
): Promise<IdentitySigning | undefined> {
  const token = await tokenFor(dir, wanted, clock);
  if (token === undefined) return undefined;
  const client = await openTrust({ dir }, clock.now());
  const [config, trust] = [await loadSigningConfig(client), await loadSigstoreTrust(client)];
  const clients = createSigningClients({ transport: request, wait: sleep });
  const random = { bytes: randomBytes, key: generateKey };
  const material = { kind: "identity", token } as const;
  return {
    trust,
    // Opened each time: a key signs once.
    sign: (message) => openSigning({ config, trust, material, clients, random, now: clock.now() }).signMessage(message),
  };
}

async function tokenFor(
  dir: string,
  { issuer, identity }: { readonly issuer: string; readonly identity: string },
  clock: Clock,
): Promise<(() => Promise<string>) | undefined> {
  const ambient = await ambientIdentity(tokenAudience);
  if (ambient !== undefined && claimsOf(ambient.token)["iss"] === issuer) return async () => ambient.token;
  const user = userInfo().username;
  const own = await ownIdentity(dir, user);
  if (own === undefined || own.issuer !== issuer || own.identity !== identity) return undefined;
  return async () => (await ownToken(dir, user, tokenAudience, clock.now()))!;
}

/** Where it does not work, the address was shown. */
function openBrowser(url: string): void {
  const [program, args]: readonly [string, readonly string[]] =
    process.platform === "darwin"
      ? ["open", [url]]
      : process.platform === "win32"
        ? ["rundll32", ["url.dll,FileProtocolHandler", url]]
        : ["xdg-open", [url]];
  execFile(program, args, () => undefined).on("error", () => undefined);
}
