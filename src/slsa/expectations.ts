// What a security team decides before it verifies, as JSON that a TUF target delivers: the builders it trusts and the
// expectations for a package (SLSA v1.2 spec/verifying-artifacts). Our own formats: an unknown field is a mistake
// and refused, and so is a list that would let everything through by being empty.
//
//   {"builders": [{"issuer", "identity", "builderId", "level": 0..3}]}
//   {"builderIds"?: [], "buildTypes": [], "source": {"repository", "ref"?, "parameter"?: []},
//    "externalParameters": {name: {"equals": v} | {"oneOf": []} | {"startsWith": ""} | {"fields": {}} | {"any": true}}}

import { Fields, parseJson } from "../core/index.ts";
import {
  limits,
  type BuilderTrust,
  type BuildLevel,
  type Expectations,
  type ParameterRule,
  type SourceExpectation,
} from "./model.ts";

const uri = { min: 1, max: 2048 } as const;

/** The roots of trust for builders. Problems: `slsa/builder-trust-invalid`, `core/json-*`. */
export function parseBuilderTrust(bytes: Uint8Array): BuilderTrust {
  const json = parseJson(bytes, { maxBytes: limits.targetBytes });
  const fields = Fields.of(json, "trust", "slsa/builder-trust-invalid").only("builders");
  const builders = fields.objects("builders", { min: 1, max: limits.builders }, (builder) => {
    builder.only("issuer", "identity", "builderId", "level");
    return {
      issuer: builder.string("issuer", uri),
      identity: builder.string("identity", uri),
      builderId: builder.string("builderId", uri),
      level: builder.integer("level", { max: 3 }) as BuildLevel,
    };
  });
  const pairs = builders.map(({ issuer, identity, builderId }) => JSON.stringify([issuer, identity, builderId]));
  if (new Set(pairs).size !== pairs.length) throw fields.problem("builders", "has one signer and builder twice");
  return { builders };
}

/** The expectations for a package. Problems: `slsa/expectations-invalid`, `core/json-*`. */
export function parseExpectations(bytes: Uint8Array): Expectations {
  const json = parseJson(bytes, { maxBytes: limits.targetBytes });
  const fields = Fields.of(json, "expectations", "slsa/expectations-invalid");
  fields.only("builderIds", "buildTypes", "source", "externalParameters");
  const list = { min: 1, max: limits.expectations };
  return {
    builderIds: fields.optional("builderIds", (name) => fields.strings(name, list)),
    buildTypes: fields.strings("buildTypes", list),
    source: parseSource(fields.object("source")),
    externalParameters: parseRules(fields.object("externalParameters")),
  };
}

function parseSource(fields: Fields): SourceExpectation {
  fields.only("repository", "ref", "parameter");
  return {
    repository: fields.string("repository", uri),
    ref: fields.optional("ref", (name) => fields.string(name, uri)),
    parameter: fields.optional("parameter", (name) => fields.strings(name, { min: 1, max: 8 })),
  };
}

function parseRules(fields: Fields): ReadonlyMap<string, ParameterRule> {
  return new Map(fields.names().map((name) => [name, parseRule(fields.object(name))]));
}

function parseRule(fields: Fields): ParameterRule {
  fields.only("any", "equals", "oneOf", "startsWith", "fields");
  const [kind, ...others] = fields.names();
  if (others.length > 0) throw fields.problem(others[0]!, "stands beside another rule");
  switch (kind) {
    case "any":
      if (!fields.boolean("any")) throw fields.problem("any", "is not true");
      return { kind };
    case "equals":
      return { kind, value: fields.json("equals") };
    case "oneOf":
      return { kind, values: fields.array("oneOf", { min: 1, max: limits.expectations }, (value) => value) };
    case "startsWith":
      return { kind, prefix: fields.string("startsWith", uri) };
    case "fields":
      return { kind, fields: parseRules(fields.object("fields")) };
    default:
      throw fields.problem("*", "says nothing");
  }
}
