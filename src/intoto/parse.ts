// Bytes to links and layouts, in-toto specification 1.0 §4.3 and §4.4, in either envelope: DSSE (ITE-5) or the
// Metablock of its appendix. Numbers are integers, since Metablock signatures are over canonical JSON. Unknown fields
// are ignored: none that exist today takes a right away (certificate constraints only add functionaries).
// Stricter: an artifact path has one spelling, a digest set is never empty, a layout has steps, a threshold is at
// least 1, keyids of signatures are distinct.

import { Fields, fromHex, olpcCanonicalJson, parseJson, parseUtcSeconds, Problem, type Json } from "../core/index.ts";
import { parseEnvelope, preAuthenticationEncoding } from "../crypto/index.ts";
import { isKeyid, parseFunctionaryKey } from "./key.ts";
import {
  limits,
  payloadType,
  type ArtifactRule,
  type Artifacts,
  type DigestSet,
  type Inspection,
  type Layout,
  type Link,
  type SignedMetadata,
  type Step,
  type SupplyChainItem,
} from "./model.ts";
import { parseRule } from "./rules.ts";

/**
 * A signed link or layout; no signature is checked yet.
 * Problems: `intoto/metadata-invalid`, `intoto/link-invalid`, `intoto/layout-invalid`, `intoto/rule-invalid`,
 * `core/json-*`, `crypto/*`.
 */
export function parseMetadata(bytes: Uint8Array, maxBytes: number = limits.linkBytes): SignedMetadata {
  const json = parseJson(bytes, { maxBytes, numbers: "integer" });
  const fields = Fields.of(json, "metadata", "intoto/metadata-invalid");
  return fields.has("payload") ? parseDsse(json, maxBytes) : parseMetablock(fields);
}

function parseDsse(json: Json, maxBytes: number): SignedMetadata {
  const envelope = parseEnvelope(json);
  if (envelope.payloadType !== payloadType) {
    throw new Problem("intoto/metadata-invalid", `payload type is not ${payloadType}`);
  }
  const payload = parsePayload(parseJson(envelope.payload, { maxBytes, numbers: "integer" }));
  const message = preAuthenticationEncoding(envelope.payloadType, envelope.payload);
  return { format: "dsse", payload, message, signatures: distinct(envelope.signatures) };
}

function parseMetablock(fields: Fields): SignedMetadata {
  const found = fields.objects("signatures", { max: limits.signatures }, (signature) => {
    const keyid = signature.string("keyid", { max: 128 });
    // An OpenPGP signature has `signature` and `other_headers` in place of `sig`; it can never count here.
    const sig = signature.optional("sig", (name) => fromHex(signature.string(name)));
    return sig === undefined ? [] : [{ keyid, sig }];
  });
  const signed = fields.json("signed");
  const payload = parsePayload(signed);
  return { format: "metablock", payload, message: olpcCanonicalJson(signed), signatures: distinct(found.flat()) };
}

function distinct(signatures: SignedMetadata["signatures"]): SignedMetadata["signatures"] {
  const keyids = signatures.map((each) => each.keyid).filter((keyid) => keyid !== "");
  if (new Set(keyids).size !== keyids.length) {
    throw new Problem("intoto/metadata-invalid", "two signatures have one keyid");
  }
  return signatures;
}

function parsePayload(json: Json): Link | Layout {
  const type = Fields.of(json, "metadata.signed", "intoto/metadata-invalid").oneOf("_type", "link", "layout");
  return type === "link" ? parseLink(json) : parseLayout(json);
}

/** A classic link (§4.4). Problem `intoto/link-invalid`. */
export function parseLink(json: Json): Link {
  const fields = Fields.of(json, "link", "intoto/link-invalid");
  fields.oneOf("_type", "link");
  return {
    type: "link",
    name: fields.string("name", { min: 1, max: 1024 }),
    command: fields.strings("command", { max: limits.words }),
    materials: parseArtifacts(fields, "materials"),
    products: parseArtifacts(fields, "products"),
    byproducts: fields.object("byproducts").value,
    environment: fields.object("environment").value,
  };
}

function parseArtifacts(fields: Fields, list: string): Artifacts {
  const artifacts = fields.object(list);
  const names = artifacts.names();
  if (names.length > limits.artifacts) throw fields.problem(list, `has more than ${limits.artifacts} artifacts`);
  return new Map(
    names.map((name) => {
      checkArtifactName(fields, list, name);
      return [name, parseArtifactDigests(artifacts.object(name))];
    }),
  );
}

/** Nearly every path: no empty segment, none that starts with a dot, no scheme. */
const plainPath = /^(?:[^/.:\0][^/:\0]*\/)*[^/.:\0][^/:\0]*$/;

/**
 * Refuses a path that is not its own normal form: `dir/../foo` would slip past a rule about `foo`. A URI keeps its
 * scheme and authority; names of other artifacts (ITE-4) have no such spellings.
 */
export function checkArtifactName(fields: Fields, list: string, name: string): void {
  if (name.length <= 4096 && plainPath.test(name)) return;
  const path = name.replace(/^[a-zA-Z][a-zA-Z0-9+.-]*:(\/\/)?/, "");
  const segments = path.replace(/^\//, "").split("/");
  const up = path.startsWith("/") ? 0 : segments.findIndex((segment) => segment !== "..");
  const normal =
    path !== "" && up !== -1 && segments.slice(up).every((each) => each !== "" && each !== "." && each !== "..");
  if (!normal || name.length > 4096 || name.includes("\0")) {
    throw fields.problem(list, `holds a path that is not in normal form: ${JSON.stringify(name.slice(0, 200))}`);
  }
}

/** The hash object of an artifact (§4.2.3): hexadecimal, and never empty, as nothing would equal nothing. */
export function parseArtifactDigests(fields: Fields): DigestSet {
  const names = fields.names();
  if (names.length === 0 || names.length > limits.digests)
    throw fields.problem("*", "is empty or has too many digests");
  return new Map(
    names.map((name) => {
      const value = fields.string(name, { min: 1, max: 1024 });
      if (!/^[0-9a-fA-F]+$/.test(value)) throw fields.problem(name, "is not hexadecimal");
      return [name, value];
    }),
  );
}

/** A layout (§4.3). Problems: `intoto/layout-invalid`, `intoto/rule-invalid`, `crypto/key-*`. */
export function parseLayout(json: Json): Layout {
  const fields = Fields.of(json, "layout", "intoto/layout-invalid");
  fields.oneOf("_type", "layout");
  const keys = fields.object("keys");
  if (keys.names().length > limits.keys) throw fields.problem("keys", "has too many keys");
  const layout: Layout = {
    type: "layout",
    expiresMs: parseUtcSeconds(fields.string("expires")),
    readme: fields.optional("readme", (name) => fields.string(name)) ?? "",
    keys: new Map(
      keys.names().map((keyid) => {
        if (!isKeyid(keyid)) throw fields.problem("keys", "has a keyid that is not hexadecimal");
        return [keyid, parseFunctionaryKey(keyid, keys.object(keyid))];
      }),
    ),
    steps: fields.objects("steps", { min: 1, max: limits.steps }, parseStep),
    inspect: fields.objects("inspect", { max: limits.steps }, parseInspection),
  };
  const names = [...layout.steps, ...layout.inspect].map((item) => item.name);
  if (new Set(names).size !== names.length) throw fields.problem("steps", "or inspections have one name twice");
  return layout;
}

function parseStep(fields: Fields): Step {
  fields.oneOf("_type", "step");
  return {
    ...parseItem(fields),
    threshold: fields.integer("threshold", { min: 1, max: limits.keys }),
    pubkeys: fields.strings("pubkeys", { max: limits.keys }),
    expectedCommand: fields.strings("expected_command", { max: limits.words }),
  };
}

function parseInspection(fields: Fields): Inspection {
  fields.oneOf("_type", "inspection");
  return { ...parseItem(fields), run: fields.strings("run", { max: limits.words }) };
}

function parseItem(fields: Fields): SupplyChainItem {
  const rules = (list: string): ArtifactRule[] =>
    fields.array(list, { max: limits.rules }, (value, path) => {
      const words = Fields.of({ rule: value }, path, "intoto/layout-invalid").strings("rule", { max: 10 });
      return parseRule(words);
    });
  return {
    name: fields.string("name", { min: 1, max: 1024 }),
    expectedMaterials: rules("expected_materials"),
    expectedProducts: rules("expected_products"),
  };
}
