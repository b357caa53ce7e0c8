// Statement v1 and its parts, in-toto/attestation spec/v1 (statement, resource_descriptor, digest_set). Unknown
// fields are ignored and null means missing, as the parsing rules say. Stricter: at least one subject, and only
// SHA-2 of 256 bits and more ever matches an artifact.

import {
  base64,
  canonicalJson,
  emptyObject,
  Fields,
  isJsonObject,
  parseJson,
  type Json,
  type JsonObject,
} from "../core/index.ts";
import {
  limits,
  statementType,
  statementTypeV01,
  type ArtifactDigest,
  type DigestSet,
  type ResourceDescriptor,
  type Statement,
  type Subject,
} from "./model.ts";

const code = "intoto/statement-invalid";

/**
 * A Statement from its JSON. `allowV01` also takes the type of version 0.1, which old predicates still use.
 * Problems: `intoto/statement-invalid`, `core/json-*`.
 */
export function parseStatement(bytes: Uint8Array, options: { readonly allowV01?: boolean } = {}): Statement {
  const json = parseJson(bytes, { maxBytes: limits.statementBytes });
  const fields = Fields.of(json, "statement", code);
  const type =
    options.allowV01 === true
      ? fields.oneOf("_type", statementType, statementTypeV01)
      : fields.oneOf("_type", statementType);
  return {
    type,
    subject: fields.objects("subject", { min: 1, max: limits.subjects }, parseSubject),
    predicateType: fields.string("predicateType", { min: 1, max: 2048 }),
    predicate: fields.nullable("predicate", (name) => fields.object(name).value) ?? emptyObject<Json>(),
  };
}

function parseSubject(fields: Fields): Subject {
  const digest = parseDigestSet(fields.object("digest"));
  if (digest.size === 0) throw fields.problem("digest", "is empty");
  return { ...parseResourceDescriptor(fields), digest };
}

/** A ResourceDescriptor; the caller's Fields carry the Problem code. */
export function parseResourceDescriptor(fields: Fields): ResourceDescriptor {
  const out: { -readonly [Name in keyof ResourceDescriptor]: ResourceDescriptor[Name] } = {};
  const set = (name: string): boolean => fields.has(name) && fields.value[name] !== null;
  for (const name of ["name", "uri", "downloadLocation", "mediaType"] as const) {
    if (set(name)) out[name] = fields.string(name);
  }
  if (set("digest")) out.digest = parseDigestSet(fields.object("digest"));
  if (set("content")) out.content = fields.base64("content");
  if (set("annotations")) out.annotations = fields.object("annotations").value;
  if (out.uri === undefined && out.digest === undefined && out.content === undefined) {
    throw fields.problem("digest", "is missing, and so are uri and content");
  }
  return out;
}

/** A DigestSet; values stay as they are, because only some algorithms are hexadecimal. */
export function parseDigestSet(fields: Fields): DigestSet {
  const names = fields.names();
  if (names.length > limits.digests) throw fields.problem("*", `has more than ${limits.digests} digests`);
  return new Map(names.map((name) => [name, fields.string(name, { max: 1024 })]));
}

/** JSON of a ResourceDescriptor; what is undefined is left out. */
export function encodeResourceDescriptor(descriptor: ResourceDescriptor): JsonObject {
  const out = emptyObject<Json>();
  for (const name of ["name", "uri", "downloadLocation", "mediaType", "annotations"] as const) {
    const value = descriptor[name];
    if (value !== undefined) out[name] = value;
  }
  if (descriptor.digest !== undefined) out["digest"] = encodeStringMap(descriptor.digest);
  if (descriptor.content !== undefined) out["content"] = base64(descriptor.content);
  return out;
}

export function encodeStringMap(map: ReadonlyMap<string, string>): JsonObject {
  const out = emptyObject<Json>();
  for (const [name, value] of map) out[name] = value;
  return out;
}

/** A Statement v1, held to the same rules as a parsed one. Problem `intoto/statement-invalid`. */
export function createStatement(parts: {
  readonly subject: readonly Subject[];
  readonly predicateType: string;
  readonly predicate: JsonObject;
}): Statement {
  return parseStatement(encodeStatement({ type: statementType, ...parts }));
}

/** The bytes of a Statement: the DSSE payload. Equal statements have equal bytes (RFC 8785). */
export function encodeStatement(statement: Statement): Uint8Array {
  return canonicalJson({
    _type: statement.type,
    subject: statement.subject.map(encodeResourceDescriptor),
    predicateType: statement.predicateType,
    predicate: statement.predicate,
  });
}

const acceptable: ReadonlyMap<string, number> = new Map([
  ["sha256", 64],
  ["sha384", 96],
  ["sha512", 128],
]);

/**
 * The first subject with this digest, undefined when there is none. Subjects are matched by digest alone, and one
 * equal acceptable digest is enough (digest_set guidelines); other algorithms are ignored.
 */
export function matchSubject(statement: Statement, artifact: ArtifactDigest): Subject | undefined {
  if (!isAcceptableDigest(artifact)) return undefined;
  return statement.subject.find((subject) => subject.digest.get(artifact.algorithm) === artifact.digestHex);
}

/** True for lower-case hexadecimal of SHA-256, SHA-384 or SHA-512, of its right length. */
export function isAcceptableDigest({ algorithm, digestHex }: ArtifactDigest): boolean {
  return acceptable.get(algorithm) === digestHex.length && /^[0-9a-f]+$/.test(digestHex);
}

/** True for a JSON value that counts as unset: parsing rules treat unset, null and empty alike. */
export function isUnset(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.keys(value).length === 0;
}
