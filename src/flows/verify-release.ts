// `verify` of a whole release: every bundle, then the provenance, then the layout, then the dependencies. A piece of
// evidence that does not verify is not evidence; its refusal is kept, so that the decision can say why.

import { fromHex, isProblem, Problem, type Verified } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import type { AdvisoryIndex, Match } from "../advisories/index.ts";
import {
  acceptAttestedLink,
  type Link,
  type LinkEvidence,
  linkPredicateType,
  parseLinkStatement,
  parseStatement,
  type SupplyChain,
  verifySupplyChain,
} from "../intoto/index.ts";
import { type Dependency, isLockfile, isUnreadableLockfile, parseLockfile } from "../packages/index.ts";
import type { Refusal } from "../policy/index.ts";
import {
  type Artifact,
  type Bundle,
  parseBundle,
  statementPayloadType,
  type VerifiedBundle,
  verifyBundle,
} from "../sigstore/index.ts";
import { provenanceType, type ProvenanceResult, type SignerIdentity, verifyProvenance } from "../slsa/index.ts";
import type { Release } from "./release.ts";
import type { ConsumerTrust } from "./trust.ts";

/** Evidence that held, and why the rest of its kind did not. */
export interface Checked<T> {
  readonly held: readonly T[];
  readonly refused: readonly Refusal[];
}

export interface SignedEvidence {
  readonly name: string;
  readonly bundle: Verified<VerifiedBundle>;
  readonly signer: SignerIdentity;
  /** The run that the issuer's token was for, as the certificate says it (Fulcio Run Invocation URI). */
  readonly run: string | undefined;
}

export interface MatchedDependency {
  readonly dependency: Dependency;
  readonly match: Match;
}

export interface ReleaseEvidence {
  /** Attestations that name the artifact itself. */
  readonly signatures: Checked<SignedEvidence>;
  readonly provenance: Checked<Verified<ProvenanceResult>>;
  readonly layout: Checked<Verified<SupplyChain>>;
  readonly dependencies: Checked<{ readonly lockfile: string; readonly matched: readonly MatchedDependency[] }>;
  /** Lockfiles of the source that nobody here can read. */
  readonly unreadableLockfiles: readonly string[];
}

/** Collects what holds; a Problem of evidence becomes a refusal, anything else is thrown on. */
class Collector<T> {
  readonly held: T[] = [];
  readonly refused: Refusal[] = [];

  attempt(name: string, verify: () => T): void {
    try {
      this.held.push(verify());
    } catch (error) {
      if (!isProblem(error)) throw error;
      this.refused.push({ code: error.code, message: `${name}: ${causes(error)}` });
    }
  }

  add(other: Collector<T>): void {
    this.held.push(...other.held);
    this.refused.push(...other.refused);
  }
}

function causes(problem: Problem): string {
  return isProblem(problem.cause) ? `${problem.message}: ${causes(problem.cause)}` : problem.message;
}

/** Verifies a release against what the consumer trusts. Throws for bugs alone: see `refused` of each kind. */
export function verifyRelease(release: Release, consumer: ConsumerTrust, advisories: AdvisoryIndex): ReleaseEvidence {
  const artifact: Artifact = { kind: "digest", algorithm: "sha256", digest: fromHex(release.sha256) };
  const { signatures, provenances, links } = verifyBundles(release, consumer, artifact);
  const provenance = verifyProvenances(release, consumer, provenances);
  const layout = verifySteps(release, consumer, links, provenances.held);
  const source = sourceFiles(consumer, layout.held);
  const dependencies = verifyDependencies(release, source, advisories);
  const unreadableLockfiles = [...source.keys()].filter(isUnreadableLockfile);
  return { signatures, provenance, layout, dependencies, unreadableLockfiles };
}

interface Bundles {
  readonly signatures: Checked<SignedEvidence>;
  /** Those of `signatures` that are, or say they are, provenance. */
  readonly provenances: Checked<SignedEvidence>;
  readonly links: Checked<SignedEvidence>;
}

/** A link is about its products, which the layout ties to the artifact; every other attestation must name the artifact. */
function verifyBundles(release: Release, consumer: ConsumerTrust, artifact: Artifact): Bundles {
  const signatures = new Collector<SignedEvidence>();
  const provenances = new Collector<SignedEvidence>();
  const links = new Collector<SignedEvidence>();
  for (const [name, bytes] of release.bundles) {
    const read = new Collector<{ readonly bundle: Bundle; readonly claim: string | undefined }>();
    read.attempt(name, () => {
      const bundle = parseBundle(bytes);
      return { bundle, claim: claimedPredicate(bundle) };
    });
    signatures.refused.push(...read.refused);
    for (const { bundle, claim } of read.held) {
      if (claim === linkPredicateType) {
        links.attempt(name, () =>
          verifyOne(name, bundle, { kind: "envelope", payloadType: statementPayloadType }, consumer),
        );
        continue;
      }
      const one = new Collector<SignedEvidence>();
      one.attempt(name, () => verifyOne(name, bundle, artifact, consumer));
      for (const kind of claim === provenanceType ? [signatures, provenances] : [signatures]) kind.add(one);
    }
  }
  return { signatures, provenances, links };
}

/** What an unverified bundle says it is decides only which checks it has to pass. */
function claimedPredicate({ content }: Bundle): string | undefined {
  if (content.kind !== "dsse" || content.envelope.payloadType !== statementPayloadType) return undefined;
  return parseStatement(content.envelope.payload).predicateType;
}

function verifyOne(
  name: string,
  bundle: Bundle,
  artifact: Artifact,
  { trust, builders }: ConsumerTrust,
): SignedEvidence {
  const identities = builders.builders.map(({ issuer, identity }) => ({ issuer, subjectAlternativeName: identity }));
  const [first, ...others] = identities;
  if (first === undefined) throw new Problem("trust/no-builder", "the organisation trusts no builder");
  const verified = verifyBundle(bundle, { trust, artifact, identity: [first, ...others] });
  if (verified.signer.kind !== "identity") throw new Problem("trust/no-identity", "the bundle names no identity");
  const { issuer, subjectAlternativeName, extensions } = verified.signer.identity;
  const run = extensions.get("runInvocationUri");
  return { name, bundle: verified, signer: { issuer, identity: subjectAlternativeName }, run };
}

function payloadOf({ bundle, name }: SignedEvidence): Uint8Array {
  if (bundle.content.kind === "envelope") return bundle.content.payload;
  throw new Problem("release/no-statement", `${name} holds no statement`);
}

function verifyProvenances(
  release: Release,
  { builders: trust, expectations }: ConsumerTrust,
  signed: Checked<SignedEvidence>,
): Checked<Verified<ProvenanceResult>> {
  const out = new Collector<Verified<ProvenanceResult>>();
  out.refused.push(...signed.refused);
  const artifactDigest = { algorithm: "sha256", digestHex: release.sha256 } as const;
  for (const evidence of signed.held) {
    out.attempt(evidence.name, () => {
      const statement = parseStatement(payloadOf(evidence));
      return verifyProvenance({ statement, artifactDigest, signer: evidence.signer, trust, expectations });
    });
  }
  return out;
}

/**
 * The links of one run: two honest runs may make the same artifact of different sources, and the links of the one must
 * not speak for the other.
 */
function verifySteps(
  release: Release,
  { layout }: ConsumerTrust,
  links: Checked<SignedEvidence>,
  provenances: readonly SignedEvidence[],
): Checked<Verified<SupplyChain>> {
  const accepted = new Collector<Verified<LinkEvidence>>();
  const [expected] = [...provenances, ...links.held];
  for (const evidence of links.held) {
    accepted.attempt(evidence.name, () => {
      if (evidence.run !== expected?.run)
        throw new Problem("release/other-run", "it is of another run than the rest of the evidence");
      return acceptAttestedLink(layout, parseLinkStatement(parseStatement(payloadOf(evidence))), evidence.signer);
    });
  }
  const chains = new Collector<Verified<SupplyChain>>();
  chains.attempt("layout", () => {
    const chain = verifySupplyChain(layout, accepted.held);
    const made = [...chain.summary.products.values()].some((digests) => digests.get("sha256") === release.sha256);
    if (made) return chain;
    throw new Problem(
      "release/artifact-not-a-product",
      `the last step did not make an artifact with sha256 ${release.sha256}`,
    );
  });
  return { held: chains.held, refused: [...links.refused, ...accepted.refused, ...chains.refused] };
}

/** What the first step of the verified chain left: the source, by path. */
function sourceFiles({ layout }: ConsumerTrust, chains: readonly Verified<SupplyChain>[]): Link["products"] {
  const [first] = layout.steps;
  return (first && chains[0]?.steps.get(first.name)?.products) ?? new Map();
}

/**
 * The source says which lockfiles there are, and the release has to bring all of them: who hands it on does not choose
 * by which a release is judged.
 */
function verifyDependencies(
  release: Release,
  source: Link["products"],
  advisories: AdvisoryIndex,
): ReleaseEvidence["dependencies"] {
  const out = new Collector<{ readonly lockfile: string; readonly matched: readonly MatchedDependency[] }>();
  if (source.size === 0) {
    out.refused.push({ code: "release/source-unverified", message: "no verified step says what the source was" });
    return out;
  }
  for (const lockfile of new Set([...[...source.keys()].filter(isLockfile), ...release.lockfiles.keys()])) {
    out.attempt(lockfile, () => {
      const bytes = release.lockfiles.get(lockfile);
      if (bytes === undefined)
        throw new Problem("release/lockfile-missing", "the source has it and the release does not");
      if (source.get(lockfile)?.get("sha256") !== digestHex("sha256", bytes)) {
        throw new Problem("release/lockfile-unbound", "it is not as the verified source has it");
      }
      return { lockfile, matched: matchLockfile(lockfile, bytes, advisories) };
    });
  }
  return out;
}

/** Every dependency of a lockfile with what is known about it. Problems `packages/*`. */
export function matchLockfile(
  name: string,
  bytes: Uint8Array,
  advisories: AdvisoryIndex,
): readonly MatchedDependency[] {
  return parseLockfile(name, bytes).map((dependency) => {
    const { findings, unanswered, upgrade } = advisories.match(dependency);
    const more = dependency.unverifiable === undefined ? [] : [{ reason: dependency.unverifiable }];
    const match = { findings, unanswered: [...unanswered, ...more], ...(upgrade === undefined ? {} : { upgrade }) };
    return { dependency, match };
  });
}
