// What a security team decides about one project, as the TUF targets of a new organisation: whom to trust to build it,
// what to expect of its provenance, the layout, the policy, the exceptions. Each can be edited and published again.

import { canonicalJson, dayMs, type Json, type JsonObject, utf8 } from "../core/index.ts";
import { encodePublicKeyPem, type LocalSigner, type PublicKey } from "../crypto/index.ts";
import {
  createLayout,
  type LayoutTemplate,
  sigstoreFunctionary,
  signLayout,
  verificationKey,
} from "../intoto/index.ts";
import { builderId, buildIdentity, type Organisation } from "./organisation.ts";

/** Names of the targets. */
export const targetPaths = {
  trustedRoot: "trusted_root.json",
  signingConfig: "signing_config.v0.2.json",
  policy: "policy.json",
  exceptions: "exceptions.json",
  builders: "builders.json",
  expectations: (project: string) => `projects/${project}/expectations.json`,
  layout: (project: string) => `projects/${project}/root.layout`,
  layoutKeys: (project: string) => `projects/${project}/layout-keys.json`,
} as const;

/** Build type of a PipelineRun run by this program; docs/formats/build-type.md describes it. */
export const buildType = "https://sealwright.dev/build-types/tekton-pipeline-run/v1";

const layoutLifetimeMs = 90 * dayMs;

/** One step as it is in the pipeline: its name and the step it stands on, if any. */
export interface PipelineStep {
  readonly name: string;
  readonly after: string | undefined;
}

function json(value: JsonObject): Uint8Array {
  return utf8(`${JSON.stringify(value, null, 2)}\n`);
}

/** The builder trust map: this builder, believed only when this pipeline's identity signs for it. */
export function builderTrust(organisation: Organisation): Uint8Array {
  return json({
    builders: [
      {
        issuer: organisation.url,
        identity: buildIdentity(organisation),
        builderId: builderId(organisation, "isolated"),
        // Signed by a control plane that the steps cannot reach, on a machine that one organisation runs: Build L2.
        level: 2,
      },
      {
        issuer: organisation.url,
        identity: buildIdentity(organisation),
        builderId: builderId(organisation, "none"),
        // Its steps could reach the control plane: provenance exists, and that is all.
        level: 1,
      },
    ],
  });
}

/** Expectations of provenance (SLSA v1.2 verifying-artifacts): every external parameter is fixed or named. */
export function expectations(organisation: Organisation): Uint8Array {
  const { project } = organisation;
  return json({
    builderIds: [builderId(organisation, "isolated"), builderId(organisation, "none")],
    buildTypes: [buildType],
    source: { repository: project.sourceUri, parameter: ["source", "uri"] },
    externalParameters: {
      pipeline: { equals: project.pipelinePath },
      source: { fields: { uri: { equals: project.sourceUri }, ref: { any: true } } },
      params: { any: true },
    },
  });
}

/**
 * The policy a new organisation starts with. `unisolated` also lets builds in whose steps were not kept apart, at Build
 * level 1, for a machine that cannot do better.
 */
export function defaultPolicy(
  organisation: Organisation,
  steps: readonly PipelineStep[],
  options: { readonly unisolated?: boolean } = {},
): Uint8Array {
  const { project } = organisation;
  const signer = { issuer: organisation.url, identity: buildIdentity(organisation) };
  const enforce = { mode: "enforce" };
  const isolated = builderId(organisation, "isolated");
  const builders =
    options.unisolated === true
      ? { minimum: 1, builders: [isolated, builderId(organisation, "none")] }
      : { minimum: 2, builders: [isolated] };
  return json({
    _type: "https://sealwright.dev/policy/v1",
    name: `${organisation.name} release policy`,
    version: 1,
    rules: [
      { id: "signed", rule: "signed-by", signers: [signer], threshold: 1, ...enforce },
      { id: "build-level", rule: "build-level", ...builders, ...enforce },
      { id: "source", rule: "built-from", sources: [{ uri: project.sourceUri.replace(/^git\+/, "") }], ...enforce },
      { id: "isolated", rule: "isolation", allowed: ["bubblewrap", "unshare"], mode: "warn" },
      { id: "steps", rule: "layout", layout: project.name, steps: steps.map(({ name }) => name), ...enforce },
      { id: "advisories-fresh", rule: "advisory-data-fresh", maxAgeHours: 24 * 90, mode: "warn" },
      { id: "not-malicious", rule: "no-malicious", ...enforce },
      { id: "not-exploited", rule: "no-known-exploited", ...enforce },
      { id: "not-vulnerable", rule: "no-vulnerable", minimumSeverity: "critical", ...enforce },
    ] as unknown as Json,
  });
}

/** The exceptions a new organisation starts with: none. */
export function noExceptions(): Uint8Array {
  return json({ _type: "https://sealwright.dev/exceptions/v1", exceptions: [] });
}

/**
 * The layout read off a pipeline: each step takes exactly what the one before it left and changes none of it; the first
 * and the last may add files. Functionaries: the build's identity, and the builder's key for clients that know keys only.
 */
export function layoutTemplate(
  organisation: Organisation,
  steps: readonly PipelineStep[],
  builder: PublicKey,
  now: number,
): LayoutTemplate {
  const identity = sigstoreFunctionary(organisation.url, buildIdentity(organisation));
  const key = verificationKey(builder);
  return {
    expiresMs: now + layoutLifetimeMs,
    readme: `how ${organisation.project.name} is built`,
    keys: [key, identity],
    steps: steps.map(({ name, after }, index) => {
      // Who tests brings nothing into what is packed: between the first task and the last no file may appear.
      const creates = index === 0 || index === steps.length - 1 ? [["CREATE", "*"]] : [];
      const unchanged = after === undefined ? [] : [["MATCH", "*", "WITH", "PRODUCTS", "FROM", after]];
      return {
        name,
        pubkeys: [key.keyid, identity.keyid],
        threshold: 1,
        expectedMaterials: [...unchanged, ["DISALLOW", "*"]],
        expectedProducts: [...unchanged, ...creates, ["DISALLOW", "*"]],
      };
    }),
  };
}

/** The layout, signed by every owner given, in DSSE. */
export async function signedLayout(template: LayoutTemplate, owners: readonly LocalSigner[]): Promise<Uint8Array> {
  return signLayout(
    createLayout(template),
    owners.map((signer) => ({ signer })),
  );
}

/** The keys that must have signed the layout, all of them. */
export function layoutKeys(owners: readonly PublicKey[]): Uint8Array {
  return canonicalJson({ keys: owners.map(encodePublicKeyPem) });
}
