import assert from "node:assert/strict";
import { test } from "node:test";
import { isProblem, utf8, type Json, type ProblemCode } from "../core/index.ts";
import { encodeStatement, parseStatement, type ResourceDescriptor, type Statement } from "../intoto/index.ts";
import { createProvenance } from "./create.ts";
import { parseBuilderTrust, parseExpectations } from "./expectations.ts";
import type { Provenance } from "./model.ts";
import { parseProvenance } from "./parse.ts";
import { verifyProvenance, type ProvenanceInput } from "./verify.ts";

const sha256 = "ab".repeat(32);
const commit = "c".repeat(40);
const subject = [{ name: "app", digest: new Map([["sha256", sha256]]) }];
const repository = "https://git.example/team/app";
const builderId = "https://builds.example/l3";
const signer = { issuer: "https://issuer.example", identity: "https://builds.example/signer" };

const git = (uri: string, gitCommit = commit): ResourceDescriptor => ({
  uri,
  digest: new Map([["gitCommit", gitCommit]]),
});
const tool: ResourceDescriptor = { uri: "pkg:oci/tool", digest: new Map([["sha256", "d".repeat(64)]]) };

function provenance(changes: Partial<Provenance["buildDefinition"]> = {}, id = builderId): Provenance {
  return {
    buildDefinition: {
      buildType: "https://builds.example/type/v1",
      externalParameters: { repository, ref: "refs/heads/main", options: { target: "release" } },
      internalParameters: {},
      resolvedDependencies: [git(`git+${repository}@refs/heads/main`), tool],
      ...changes,
    },
    runDetails: {
      builder: { id, version: new Map(), builderDependencies: [] },
      metadata: { invocationId: "run-1", startedOnMs: 1_700_000_000_000, finishedOnMs: 1_700_000_060_000 },
      byproducts: [],
    },
  };
}

const trustJson = {
  builders: [
    { ...signer, builderId, level: 3 },
    { ...signer, builderId: "https://builds.example/l2", level: 2 },
    { issuer: signer.issuer, identity: "https://other.example/signer", builderId: "https://other.example", level: 2 },
  ],
};
const expectationsJson = {
  buildTypes: ["https://builds.example/type/v1"],
  source: { repository, ref: "refs/heads/main", parameter: ["repository"] },
  externalParameters: {
    repository: { equals: repository },
    ref: { startsWith: "refs/heads/" },
    options: { fields: { target: { oneOf: ["release", "debug"] }, verbose: { any: true } } },
  },
};
const bytes = (json: unknown): Uint8Array => utf8(JSON.stringify(json));

function input(changes: Partial<ProvenanceInput> = {}): ProvenanceInput {
  return {
    statement: createProvenance(subject, provenance()),
    artifactDigest: { algorithm: "sha256", digestHex: sha256 },
    signer,
    trust: parseBuilderTrust(bytes(trustJson)),
    expectations: parseExpectations(bytes(expectationsJson)),
    ...changes,
  };
}
const made = (changes: Partial<Provenance["buildDefinition"]> = {}, id?: string): Statement =>
  createProvenance(subject, provenance(changes, id));

function refuses(code: ProblemCode, changes: Partial<ProvenanceInput>, words = ""): void {
  assert.throws(
    () => verifyProvenance(input(changes)),
    (error) => isProblem(error, code) && error.message.includes(words),
    code,
  );
}

test("expected provenance verifies at the level its signer and builder are trusted to", () => {
  const result = verifyProvenance(input());
  assert.equal(result.level, 3);
  assert.equal(result.builderId, builderId);
  assert.deepEqual(result.source, { uri: repository, ref: "refs/heads/main", gitCommit: commit });
  assert.equal(result.subject.name, "app");
  assert.equal(verifyProvenance(input({ statement: made({}, "https://builds.example/l2") })).level, 2);
});

test("provenance survives its bytes, and extensions do not change the result", () => {
  const statement = made();
  const back = parseProvenance(parseStatement(encodeStatement(statement)));
  assert.deepEqual(encodeStatement(createProvenance(subject, back)), encodeStatement(statement));
  assert.deepEqual(back.runDetails, provenance().runDetails);
  const extended = { ...statement, predicate: { ...statement.predicate, vendor_extra: { deny: true } } };
  assert.deepEqual(verifyProvenance(input({ statement: extended })), verifyProvenance(input()));
});

test("provenance of another artifact, or by a weak digest alone, is refused", () => {
  refuses("slsa/subject-mismatch", { artifactDigest: { algorithm: "sha256", digestHex: "00".repeat(32) } });
  const weak = createProvenance([{ digest: new Map([["sha1", "1".repeat(40)]]) }], provenance());
  const artifactDigest = { algorithm: "sha1" as "sha256", digestHex: "1".repeat(40) };
  refuses("slsa/subject-mismatch", { statement: weak, artifactDigest });
});

test("only the exact predicate type and Statement v1 count", () => {
  const statement = made();
  for (const predicateType of ["https://slsa.dev/provenance/v1.0", "https://slsa.dev/provenance/v0.2", "x"]) {
    refuses("slsa/predicate-type", { statement: { ...statement, predicateType } });
  }
  refuses("slsa/statement-type", { statement: { ...statement, type: "https://in-toto.io/Statement/v0.1" } });
});

test("a builder that is claimed by a signer who may not is refused", () => {
  refuses("slsa/builder-signer-mismatch", { statement: made({}, "https://other.example") });
  refuses("slsa/builder-signer-mismatch", { signer: { ...signer, issuer: "https://evil.example" } });
  refuses("slsa/builder-signer-mismatch", { signer: { ...signer, identity: `${signer.identity}/x` } });
});

test("a builder that nobody vouches for is refused, or level 1 where the expectations name it", () => {
  const unknown = "https://unknown.example";
  refuses("slsa/builder-untrusted", { statement: made({}, unknown) });
  const named = parseExpectations(bytes({ ...expectationsJson, builderIds: [unknown] }));
  assert.equal(verifyProvenance(input({ statement: made({}, unknown), expectations: named })).level, 1);
  refuses("slsa/builder-untrusted", { expectations: named });
});

test("an unexpected build type is refused", () => {
  refuses("slsa/build-type", { statement: made({ buildType: "https://builds.example/type/v2" }) });
});

test("external parameters that are unknown or have an unexpected value are refused by name", () => {
  const good = { repository, ref: "refs/heads/main", options: { target: "release" } };
  const cases: readonly (readonly [{ readonly [name: string]: Json }, string])[] = [
    [{ ...good, script: "curl evil" }, "externalParameters.script"],
    [{ ...good, options: { target: "release", env: "X=1" } }, "externalParameters.options.env"],
    [{ ...good, options: { target: "other" } }, "externalParameters.options.target"],
    [{ ...good, options: {} }, "externalParameters.options.target"],
    [{ ...good, options: ["release"] }, "externalParameters.options"],
    [{ ...good, ref: "refs/tags/v1" }, "externalParameters.ref"],
    [{ ...good, ref: ["refs/heads/main"] }, "externalParameters.ref"],
    [{ ...good, repository: `${repository}-fork` }, "externalParameters.repository"],
    [{ ...good, toString: "x" }, "externalParameters.toString"],
  ];
  for (const [externalParameters, name] of cases) {
    refuses("slsa/external-parameter", { statement: made({ externalParameters }) }, name);
  }
});

test("unset, null and empty parameters are one value", () => {
  const externalParameters = {
    repository,
    ref: "refs/heads/main",
    options: { target: "release", verbose: { x: 1 }, extra: "" },
    script: null,
    args: [],
  };
  assert.ok(verifyProvenance(input({ statement: made({ externalParameters }) })));
});

const dependencies = (...resolvedDependencies: ResourceDescriptor[]): Partial<ProvenanceInput> => ({
  statement: made({ resolvedDependencies }),
});

test("the source must be a dependency with a commit, of the expected repository and ref", () => {
  refuses("slsa/source-mismatch", dependencies());
  refuses("slsa/source-mismatch", dependencies({ uri: `git+${repository}` }));
  refuses("slsa/source-mismatch", dependencies(git(`git+${repository}-fork@refs/heads/main`)));
  refuses("slsa/source-mismatch", dependencies(git(`git+${repository}/x@refs/heads/main`)));
  refuses("slsa/source-mismatch", dependencies(git(`git+${repository}@refs/heads/main`, "c".repeat(39))));
  refuses("slsa/source-mismatch", dependencies(git(`git+${repository}@refs/heads/evil`)), "refs/heads/evil");
  refuses("slsa/source-mismatch", dependencies(git(`git+${repository}`)), "no known ref");
  const uri = `git+${repository}@refs/heads/main`;
  refuses("slsa/source-mismatch", dependencies(git(uri), git(uri, "e".repeat(40))), "leave open");
});

test("the repository that the build was asked for must be the expected one, whatever else it fetched", () => {
  const externalParameters = { repository: "https://git.example/evil/app", ref: "refs/heads/main" };
  const open = { repository: { any: true }, ref: { any: true } };
  const expectations = parseExpectations(bytes({ ...expectationsJson, externalParameters: open }));
  refuses("slsa/source-mismatch", { statement: made({ externalParameters }), expectations }, "was asked for");
});

test("without a source parameter another git dependency leaves the source open", () => {
  const source = { repository, ref: "refs/heads/main" };
  const expectations = parseExpectations(bytes({ ...expectationsJson, source }));
  assert.ok(verifyProvenance(input({ expectations })));
  const both = dependencies(git(`git+${repository}@refs/heads/main`), git("git+https://git.example/evil/app"));
  refuses("slsa/source-mismatch", { ...both, expectations }, "leave open");
  assert.ok(verifyProvenance(input(both)));
});

test("a tag that holds an @ is a ref as a whole", () => {
  const ref = "refs/tags/@scope/app@1.0.0";
  const source = { ...expectationsJson.source, ref };
  const expectations = parseExpectations(bytes({ ...expectationsJson, source }));
  const result = verifyProvenance(input({ ...dependencies(git(`git+${repository}@${ref}`)), expectations }));
  assert.equal(result.source.ref, ref);
});

test("provenance without its required fields is refused", () => {
  const { predicate } = made();
  const definition = predicate["buildDefinition"] as { readonly [name: string]: Json };
  for (const broken of [
    {},
    { ...predicate, buildDefinition: null },
    { ...predicate, buildDefinition: { ...definition, buildType: "" } },
    { ...predicate, buildDefinition: { ...definition, externalParameters: "x" } },
    { ...predicate, runDetails: { builder: {} } },
    { ...predicate, runDetails: {} },
  ]) {
    refuses("slsa/provenance-invalid", { statement: { ...made(), predicate: broken } });
  }
});

test("roots of trust that are empty, doubled or of an unknown level are refused", () => {
  const [first] = trustJson.builders;
  for (const json of [
    {},
    { builders: [] },
    { builders: [first, first] },
    { builders: [{ ...first, level: 4 }] },
    { builders: [{ ...first, level: "3" }] },
    { builders: [{ ...first, identity: "" }] },
    { builders: [{ ...first, identityPattern: "*" }] },
    { builders: [first], default: 3 },
  ]) {
    assert.throws(
      () => parseBuilderTrust(bytes(json)),
      (error) => isProblem(error, "slsa/builder-trust-invalid"),
    );
  }
});

test("expectations that expect nothing, or say something unknown, are refused", () => {
  const { source } = expectationsJson;
  for (const json of [
    {},
    { ...expectationsJson, buildTypes: [] },
    { ...expectationsJson, builderIds: [] },
    { ...expectationsJson, source: {} },
    { ...expectationsJson, source: { ...source, repository: "" } },
    { ...expectationsJson, source: { ...source, branch: "main" } },
    { ...expectationsJson, source: { ...source, parameter: [] } },
    { ...expectationsJson, externalParameters: { a: {} } },
    { ...expectationsJson, externalParameters: { a: { any: false } } },
    { ...expectationsJson, externalParameters: { a: { oneOf: [] } } },
    { ...expectationsJson, externalParameters: { a: { startsWith: "" } } },
    { ...expectationsJson, externalParameters: { a: { any: true, equals: 1 } } },
    { ...expectationsJson, externalParameters: { a: "x" } },
    { ...expectationsJson, allowUnknown: true },
  ]) {
    assert.throws(
      () => parseExpectations(bytes(json)),
      (error) => isProblem(error, "slsa/expectations-invalid"),
      JSON.stringify(json),
    );
  }
});
