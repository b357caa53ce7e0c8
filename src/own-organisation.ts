// What lies in an organisation's folder for who sits before it: its trust, brought up to date by TUF, and a token of
// its own issuer. Whoever holds the folder holds the issuer.

import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Problem } from "./core/index.ts";
import { digestHex, encodePrivateKeyPem, encodePublicKeyPem } from "./crypto/index.ts";
import { type Files, keyNames, loadKey, loadOrganisation, places, updateTrust } from "./flows/index.ts";
import { createFileStore, createFolderFetcher, createHttpFetcher, files, openTokenIssuer } from "./io/index.ts";
import type { TufClient } from "./tuf/index.ts";

const maxRootBytes = 1024 * 1024;
const tokenLifetimeS = 600;

/** Which repository is trusted: the organisation's own, or another's by its root and address. */
export interface TrustPlace {
  readonly dir: string;
  readonly root?: string | undefined;
  readonly mirror?: string | undefined;
}

function folder(dir: string): Files {
  return files.filesBelow(dir);
}

/** One TUF update; state is kept by root, so that two do not mix. Problems `cli/usage`, `organisation/*`, `tuf/*`, `io/*`. */
export async function openTrust({ dir, root, mirror }: TrustPlace, now: number): Promise<TufClient> {
  const organisation = async () => loadOrganisation(folder(dir));
  // Without a root the organisation itself has to be here; this says so when it is not.
  if (root === undefined) await organisation();
  if (root !== undefined && mirror === undefined && !existsSync(join(dir, places.organisation)))
    throw new Problem("cli/usage", "a root alone does not say where the repository is: give --mirror too");
  const bootstrap = await files.read(resolve(root ?? join(dir, places.root)), maxRootBytes);
  const from = mirror ?? `${(await organisation()).url}/tuf`;
  // An empty variable counts as unset (XDG Base Directory Specification 0.8).
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const state = join(cache, "sealwright", "tuf", digestHex("sha256", bootstrap).slice(0, 32));
  if (!/^https?:\/\//.test(from) && statSync(from, { throwIfNoEntry: false })?.isFile() === true) {
    throw new Problem("cli/usage", `${from} is a file, and no folder with a mirror`, {
      hint: `import it first: sealwright tuf import ${from} FOLDER --root ROOT`,
    });
  }
  const fetcher = /^https?:\/\//.test(from) ? createHttpFetcher(from) : createFolderFetcher(resolve(from));
  return updateTrust({ root: bootstrap, fetcher, store: createFileStore(state), now });
}

/** Whom `ownToken` is for; undefined where the organisation's folder is not at hand. */
export async function ownIdentity(
  dir: string,
  user: string,
): Promise<{ readonly issuer: string; readonly identity: string } | undefined> {
  if (!existsSync(join(dir, places.organisation))) return undefined;
  const { url } = await loadOrganisation(folder(dir));
  return { issuer: url, identity: `${url}/users/${encodeURIComponent(user)}` };
}

/**
 * A token of the organisation in `dir` for a user of this machine; undefined where its folder is not at hand. Its
 * certificates name `URL/users/NAME`.
 */
export async function ownToken(dir: string, user: string, audience: string, now: number): Promise<string | undefined> {
  const own = await ownIdentity(dir, user);
  if (own === undefined) return undefined;
  const { issuer: url, identity } = own;
  const key = await loadKey(folder(dir), keyNames.oidc);
  const issuer = await openTokenIssuer(url, encodePrivateKeyPem(key), encodePublicKeyPem(key.publicKey));
  const options = { subject: identity, audience, now, lifetimeS: tokenLifetimeS };
  return issuer.issue({ build_signer_uri: identity }, options);
}
