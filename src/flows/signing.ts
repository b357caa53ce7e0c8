// `sign` and `attest`: which services, by the signing config; who, by a token or a kept key; then bundles. Client
// specification §2. Every service that the config asks for has to answer, and what is signed holds for the trust root,
// or it is not given away.

import { base64, demand, type Json, type JsonObject, Problem } from "../core/index.ts";
import { createSigner, keyFingerprint, type Signer } from "../crypto/index.ts";
import {
  type Bundle,
  parseSigningConfig,
  type Service,
  selectServices,
  type ServiceKind,
  signEnvelope,
  type SigningConfig,
  type SigningServices,
  signMessage,
  type SignOptions,
  statementPayloadType,
  type Trust,
} from "../sigstore/index.ts";
import type { TufClient } from "../tuf/index.ts";
import { targetPaths } from "./project-targets.ts";
import { certificateChain, challengeOf, timestampOver } from "./signing-services.ts";
import type { Randomness } from "./world.ts";

/** Clients of services by their addresses. */
export interface ServiceClients {
  certificateAuthority(url: string): (request: JsonObject) => Promise<Json>;
  log(url: string, majorApiVersion: 1 | 2): (request: JsonObject) => Promise<Json>;
  timestampAuthority(url: string): (query: Uint8Array) => Promise<Uint8Array>;
}

export type SigningMaterial =
  /** `token` is asked for once, when the first signature is made. */
  { readonly kind: "identity"; token(): Promise<string> } | { readonly kind: "key"; readonly signer: Signer };

export interface SigningOptions {
  readonly config: SigningConfig;
  /** What each bundle is verified with before it is given away. */
  readonly trust: Trust;
  readonly material: SigningMaterial;
  readonly clients: ServiceClients;
  readonly random: Randomness;
  readonly now: number;
}

/** Signs one thing after another as the same signer, for as long as its certificate holds. */
export interface Signing {
  /** Of the logs that are written to. */
  readonly logVersions: readonly number[];
  signMessage(bytes: Uint8Array): Promise<Bundle>;
  /** The bytes of an in-toto statement. */
  signStatement(statement: Uint8Array): Promise<Bundle>;
  /** The certificates that came with the leaf, without it; empty for a key, and before the first signature. */
  chain(): readonly Uint8Array[];
}

/** Problems `sigstore/service-unavailable`, `sigstore/signing-config-empty`. */
export function openSigning(options: SigningOptions): Signing {
  const { config, trust, clients, material, random, now } = options;
  const logs = chosen(config, "logs", [1, 2], now);
  const authorities = chosen(config, "timestampAuthorities", [1], now);
  const isProven = logs.length + authorities.length > 0 || material.kind === "key";
  demand(isProven, "sigstore/signing-config-empty", "the signing config has neither log nor timestamp authority");
  const logsOf = (version: 1 | 2) =>
    logs.filter(({ majorApiVersion }) => majorApiVersion === version).map(({ url }) => clients.log(url, version));
  const services: SigningServices = {
    timestamps: authorities.map(({ url }) => {
      const authority = clients.timestampAuthority(url);
      return (signature) => timestampOver(signature, random, authority);
    }),
    logs: logsOf(2),
    logsV1: logsOf(1),
  };
  let rest: readonly Uint8Array[] = [];
  const common: SignOptions = {
    ...signerOf(options, (chain) => (rest = chain.slice(1))),
    services,
    trust,
    // Every service that was asked has to count.
    thresholds: { logs: logs.length, timestamps: authorities.length },
  };
  return {
    logVersions: logs.map(({ majorApiVersion }) => majorApiVersion),
    signMessage: (bytes) => signMessage(bytes, common),
    signStatement: (statement) => signEnvelope(statementPayloadType, statement, common),
    chain: () => rest,
  };
}

/** As the config's selector says; none where the config lists none at all. */
function chosen(
  config: SigningConfig,
  kind: ServiceKind,
  versions: readonly number[],
  now: number,
): readonly Service[] {
  return config[kind].length === 0 ? [] : selectServices(config, kind, versions, now);
}

function signerOf(
  { config, clients, material, random, now }: SigningOptions,
  onChain: (chain: readonly Uint8Array[]) => void,
): Pick<SignOptions, "signer" | "material"> {
  if (material.kind === "key") {
    const { signer } = material;
    // As cosign names keys: the base64 of the fingerprint.
    return { signer, material: { kind: "publicKey", hint: base64(keyFingerprint(signer.publicKey)) } };
  }
  const [{ url }] = selectServices(config, "certificateAuthorities", [1], now);
  const authority = clients.certificateAuthority(url);
  const signer = createSigner(random.key("ecdsa-p256"));
  let issued: Promise<readonly Uint8Array[]> | undefined;
  const issue = async (): Promise<readonly Uint8Array[]> => {
    const token = await material.token();
    const chain = await certificateChain(signer, token, challengeOf(token), authority);
    onChain(chain);
    return chain;
  };
  return { signer, material: { kind: "certificate", chain: () => (issued ??= issue()) } };
}

/** The services that the organisation's TUF repository names. Problems `trust/target-missing`, `sigstore/*`, `tuf/*`. */
export async function loadSigningConfig(client: TufClient): Promise<SigningConfig> {
  const found = await client.findTarget(targetPaths.signingConfig);
  if (found === undefined) {
    throw new Problem("trust/target-missing", `the TUF repository has no target ${targetPaths.signingConfig}`, {
      hint: "give --signing-config and --trusted-root",
    });
  }
  return parseSigningConfig(await client.download(found));
}

/** The issuer that a person logs in at, by the config. Problem `sigstore/service-unavailable`. */
export function loginIssuer(config: SigningConfig, now: number): string {
  return selectServices(config, "oidcProviders", [1], now)[0].url;
}
