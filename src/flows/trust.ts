// What a consumer believes, all of it from TUF targets: one update, then everything that a security team decided. With
// nothing but a root at hand this is the first step of every verification.

import { Fields, parseJson, Problem } from "../core/index.ts";
import { parsePublicKeyPem } from "../crypto/index.ts";
import { type Layout, verificationKey, verifyLayout } from "../intoto/index.ts";
import { type ExceptionSet, parseExceptions, parsePolicy, type Policy } from "../policy/index.ts";
import { parseTrustedRoot, prepareTrust, type Trust } from "../sigstore/index.ts";
import { type BuilderTrust, type Expectations, parseBuilderTrust, parseExpectations } from "../slsa/index.ts";
import type { Verified } from "../core/index.ts";
import { type TufClient, type TufFetcher, type TufStore, update } from "../tuf/index.ts";
import { targetPaths } from "./project-targets.ts";
import { trustedIdentities } from "./tuf-identity.ts";

export interface ConsumerTrust {
  readonly project: string;
  readonly trust: Trust;
  readonly policy: Policy;
  readonly exceptions: ExceptionSet;
  readonly builders: BuilderTrust;
  readonly expectations: Expectations;
  readonly layout: Verified<Layout>;
}

export interface TrustSource {
  /** Root metadata handed over out of band. */
  readonly root: Uint8Array;
  readonly fetcher: TufFetcher;
  readonly store: TufStore;
  readonly now: number;
}

const maxKeys = 64;

/**
 * One TUF update. Signatures of identities (TAP 18) count for delegated roles alone, by the trust root that the
 * top-level targets list. Problems `tuf/*`, `io/*`.
 */
export async function updateTrust({ root, fetcher, store, now }: TrustSource): Promise<TufClient> {
  return update({ bootstrap: root, fetcher, store, now, delegatedIdentities: trustedIdentities });
}

async function target(client: TufClient, path: string): Promise<Uint8Array> {
  const found = await client.findTarget(path);
  if (found === undefined) {
    throw new Problem("trust/target-missing", `the TUF repository has no target ${path}`, {
      hint: "is this the right organisation?",
    });
  }
  return client.download(found);
}

/** Sigstore's trust root alone, for verifying single bundles. */
export async function loadSigstoreTrust(client: TufClient): Promise<Trust> {
  return prepareTrust(parseTrustedRoot(await target(client, targetPaths.trustedRoot)));
}

/** The one project that the repository speaks of. Problem `trust/project-ambiguous`. */
export function onlyProject(client: TufClient): string {
  const names = [...client.trusted.targets.signed.targets.keys()].flatMap(
    (path) => /^projects\/([^/]+)\/root\.layout$/.exec(path)?.[1] ?? [],
  );
  const [name, ...others] = names;
  if (name === undefined || others.length > 0) {
    throw new Problem(
      "trust/project-ambiguous",
      `the TUF repository speaks of ${names.length} projects, one was expected`,
    );
  }
  return name;
}

/** Everything that decides about a project. Problems `trust/*`, `tuf/*`, and those of each format's parser. */
export async function loadConsumerTrust(client: TufClient, project: string, now: number): Promise<ConsumerTrust> {
  const keys = parseLayoutKeys(await target(client, targetPaths.layoutKeys(project)));
  return {
    project,
    trust: await loadSigstoreTrust(client),
    policy: parsePolicy(await target(client, targetPaths.policy)),
    exceptions: parseExceptions(await target(client, targetPaths.exceptions)),
    builders: parseBuilderTrust(await target(client, targetPaths.builders)),
    expectations: parseExpectations(await target(client, targetPaths.expectations(project))),
    layout: verifyLayout(await target(client, targetPaths.layout(project)), keys, now),
  };
}

/** The keys that must have signed the layout. Problem `trust/layout-keys-invalid`. */
export function parseLayoutKeys(bytes: Uint8Array) {
  const fields = Fields.of(parseJson(bytes, { maxBytes: 1 << 20 }), "layout keys", "trust/layout-keys-invalid").only(
    "keys",
  );
  return fields.strings("keys", { min: 1, max: maxKeys }).map((pem) => verificationKey(parsePublicKeyPem(pem)));
}
