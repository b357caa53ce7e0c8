// Who must have signed a bundle, by which trust root, with what more: the options of `verify` and `bundle upgrade` as
// the verifier wants them. Never anybody.

import { fromHex, isProblem, Problem } from "../core/index.ts";
import { parsePublicKeyPem, type PublicKey } from "../crypto/index.ts";
import { loadConsumerTrust, loadSigstoreTrust, onlyProject } from "../flows/index.ts";
import {
  type Artifact,
  type Bundle,
  digestStream,
  type ExpectedIdentity,
  neededDigests,
  parseClientTrustConfig,
  parsePattern,
  parseTrustedRoot,
  prepareTrust,
  type Thresholds,
  type Trust,
  type VerifyOptions,
} from "../sigstore/index.ts";
import { parsePolicy } from "../tlog/index.ts";
import type { BundleVerifyOptions } from "./sigstore-program.ts";
import type { ConsumerVerbWorld } from "./world.ts";

const maxSmallBytes = 2 * 1024 * 1024;
const maxArtifactBytes = 2 * 1024 * 1024 * 1024 - 1;
const digestForm = /^sha256:([0-9a-f]{64})$/;

export type Expected = { readonly key: PublicKey } | { readonly identity: NonNullable<VerifyOptions["identity"]> };

/** Problem `cli/usage` for options that contradict each other. */
export async function expectationOf(
  options: BundleVerifyOptions,
  world: ConsumerVerbWorld,
): Promise<{ readonly trust: Trust; readonly expected: Expected }> {
  const named = await namedSigner(options, world);
  if (options.trustedRoot !== undefined && options.trustConfig !== undefined)
    throw new Problem("cli/usage", "give a trusted root or a client trust config, not both");
  const file = options.trustedRoot ?? options.trustConfig;
  if (file !== undefined) {
    if (named === undefined)
      throw new Problem("cli/usage", "a trusted root does not say who may sign: give an identity or a key");
    const bytes = await world.readFile(file, maxSmallBytes);
    const root =
      options.trustConfig === undefined ? parseTrustedRoot(bytes) : parseClientTrustConfig(bytes).trustedRoot;
    return { trust: prepareTrust(root), expected: named };
  }
  const client = await world.openTrust(options);
  if (named !== undefined) return { trust: await loadSigstoreTrust(client), expected: named };
  const consumer = await loadConsumerTrust(client, onlyProject(client), world.now());
  const [first, ...others] = consumer.builders.builders.map((each) => ({
    issuer: each.issuer,
    subjectAlternativeName: each.identity,
  }));
  if (first === undefined) throw new Problem("trust/no-builder", "the organisation trusts no builder");
  return { trust: consumer.trust, expected: { identity: [first, ...others] } };
}

async function namedSigner(options: BundleVerifyOptions, world: ConsumerVerbWorld): Promise<Expected | undefined> {
  const name = eitherOf("--certificate-identity", options.certificateIdentity, options.certificateIdentityPattern);
  const issuer = eitherOf(
    "--certificate-oidc-issuer",
    options.certificateOidcIssuer,
    options.certificateOidcIssuerPattern,
  );
  if ((name === undefined) !== (issuer === undefined)) {
    throw new Problem(
      "cli/usage",
      "an identity means something only with its issuer: give --certificate-identity and --certificate-oidc-issuer",
    );
  }
  if (options.key !== undefined && name !== undefined)
    throw new Problem("cli/usage", "give a key or an identity, not both");
  if (options.key !== undefined) {
    const pem = new TextDecoder().decode(await world.readFile(options.key, maxSmallBytes));
    return { key: parsePublicKeyPem(pem) };
  }
  return name === undefined || issuer === undefined
    ? undefined
    : { identity: { issuer, subjectAlternativeName: name } };
}

function eitherOf(
  option: string,
  exact: string | undefined,
  pattern: string | undefined,
): ExpectedIdentity["issuer"] | undefined {
  if (exact !== undefined && pattern !== undefined)
    throw new Problem("cli/usage", `give ${option} or ${option}-pattern, not both`);
  return pattern === undefined ? exact : parsePattern(pattern);
}

/** Thresholds and witnesses, where they were asked for. */
export async function demandsOf(
  options: BundleVerifyOptions,
  world: ConsumerVerbWorld,
): Promise<Pick<VerifyOptions, "thresholds" | "witnesses">> {
  const { logs, scts, timestamps } = options;
  const given = Object.entries({ logs, scts, timestamps }).filter(([, value]) => value !== undefined);
  const policy = options.witnessPolicy;
  return {
    ...(given.length === 0 ? {} : { thresholds: Object.fromEntries(given) as Thresholds }),
    ...(policy === undefined
      ? {}
      : { witnesses: { policy: parsePolicy(await world.readFile(policy, maxSmallBytes)), nowMs: world.now() } }),
  };
}

/** A digest as it was given; a file read once, piece by piece, for the digests that its bundles need. */
export async function artifactOf(
  file: string,
  bundles: readonly Bundle[],
  expected: Expected | undefined,
  world: ConsumerVerbWorld,
): Promise<Artifact> {
  const given = digestForm.exec(file)?.[1];
  if (given !== undefined) return { kind: "digest", algorithm: "sha256", digest: fromHex(given) };
  if (file.startsWith("sha256:"))
    throw new Problem("cli/usage", "a digest is sha256: and 64 lower-case hexadecimal digits");
  const key = expected !== undefined && "key" in expected ? expected.key : undefined;
  if (world.readPieces !== undefined) {
    try {
      const needed = bundles.flatMap((bundle) => neededDigests(bundle, key));
      return await digestStream(world.readPieces(file), needed);
    } catch (problem) {
      // Pure Ed25519 signs the bytes themselves.
      if (!isProblem(problem, "sigstore/artifact-needed")) throw problem;
    }
  }
  return { kind: "bytes", bytes: await world.readFile(file, maxArtifactBytes) };
}
