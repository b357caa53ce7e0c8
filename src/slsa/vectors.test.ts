// Provenance that public builders really made: all of it parses, and says what its builders are known to say.
// Signatures are sigstore's to check.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { vectors } from "../../test/vectors.ts";
import { isProblem, parseJson, utf8, type JsonObject } from "../core/index.ts";
import { parseEnvelope } from "../crypto/index.ts";
import { parseStatement, type Statement } from "../intoto/index.ts";
import { parseBuilderTrust, parseExpectations } from "./expectations.ts";
import { provenanceType } from "./model.ts";
import { parseProvenance } from "./parse.ts";
import { verifyProvenance } from "./verify.ts";

function statementOf(json: JsonObject): Statement {
  const envelope = parseEnvelope((json["dsseEnvelope"] ?? json) as JsonObject);
  return parseStatement(envelope.payload, { allowV01: true });
}

function statementsIn(file: string): Statement[] {
  const parse = (text: string) => parseJson(utf8(text), { maxBytes: 16_000_000 }) as JsonObject;
  const text = readFileSync(file, "utf8");
  if (file.endsWith(".jsonl")) return text.trim().split("\n").map(parse).map(statementOf);
  const json = parse(text);
  const attestations = json["attestations"] as readonly JsonObject[] | undefined;
  return attestations?.map((each) => statementOf(each["bundle"] as JsonObject)) ?? [statementOf(json)];
}

test("every public statement parses, and every provenance v1 among them", (t) => {
  const folder = vectors(t, "slsa/slsa-verifier");
  if (folder === undefined) return;
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    /\.(jsonl|slsa|tgz\.json)$/.test(file),
  );
  const statements = files.flatMap((file) => statementsIn(join(folder, file)));
  const [v1, other] = [true, false].map((wanted) =>
    statements.filter((each) => (each.predicateType === provenanceType) === wanted),
  ) as [Statement[], Statement[]];
  assert.equal(v1.length, 10);
  assert.equal(other.length, 102);
  for (const statement of v1) {
    const { buildDefinition, runDetails } = parseProvenance(statement);
    assert.match(runDetails.builder.id, /^https:\/\/github\.com\//);
    assert.match(buildDefinition.resolvedDependencies[0]?.digest?.get("gitCommit") ?? "", /^[0-9a-f]{40}$/);
  }
  for (const statement of other) {
    assert.throws(
      () => parseProvenance(statement),
      (error) => isProblem(error, "slsa/predicate-type"),
    );
  }
});

test("real npm provenance verifies against expectations and not against another source", (t) => {
  const folder = vectors(t, "slsa/slsa-verifier/npm/gha");
  if (folder === undefined) return;
  const statement = statementsIn(join(folder, "gundam-visor-cli-v1-tag.tgz.json")).find(
    (each) => each.predicateType === provenanceType,
  )!;
  const repository = "https://github.com/ramonpetgrave64/gundam-visor";
  const ref = "refs/tags/v1.0.1";
  const signer = {
    issuer: "https://token.actions.githubusercontent.com",
    identity: `${repository}/.github/workflows/npm-publish.yml@${ref}`,
  };
  const builderId = "https://github.com/actions/runner/github-hosted";
  const bytes = (json: unknown) => utf8(JSON.stringify(json));
  const expecting = (source: string) =>
    verifyProvenance({
      statement,
      artifactDigest: {
        algorithm: "sha512",
        digestHex: statement.subject[0]!.digest.get("sha512")!,
      },
      signer,
      trust: parseBuilderTrust(bytes({ builders: [{ ...signer, builderId, level: 2 }] })),
      expectations: parseExpectations(
        bytes({
          buildTypes: ["https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1"],
          source: { repository: source, ref, parameter: ["workflow", "repository"] },
          externalParameters: {
            workflow: {
              fields: {
                ref: { startsWith: "refs/tags/v" },
                repository: { equals: repository },
                path: { equals: ".github/workflows/npm-publish.yml" },
              },
            },
          },
        }),
      ),
    });
  assert.deepEqual(expecting(`git+${repository}`).source, {
    uri: repository,
    ref,
    gitCommit: "599500821344b070902a7a5666064bfdaba715df",
  });
  assert.throws(
    () => expecting(`${repository}-fork`),
    (error) => isProblem(error, "slsa/source-mismatch"),
  );
});
