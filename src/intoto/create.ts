// Links and layouts to bytes, signed in either envelope: DSSE (ITE-5) by default, Metablock for older readers.

import {
  canonicalJson,
  demand,
  emptyObject,
  formatUtcSeconds,
  hex,
  olpcCanonicalJson,
  Problem,
  utf8,
  type Json,
  type JsonObject,
} from "../core/index.ts";
import { encodeEnvelope, signEnvelope, type Signer } from "../crypto/index.ts";
import { encodeFunctionaryKey, isKeyid, verificationKey } from "./key.ts";
import {
  payloadType,
  type Artifacts,
  type FunctionaryKey,
  type Inspection,
  type Layout,
  type Link,
  type Step,
  type SupplyChainItem,
} from "./model.ts";
import { parseLayout, parseLink } from "./parse.ts";
import { encodeRule, parseRule } from "./rules.ts";
import { encodeStringMap } from "./statement.ts";

/** Who signs: `keyid` only where metadata knows the key by another than its computed one. */
export interface MetadataSigner {
  readonly signer: Signer;
  readonly keyid?: string;
}

export type MetadataFormat = "dsse" | "metablock";

/** A link from its parts; what is not given is empty. Problem `intoto/link-invalid`. */
export function createLink(parts: { readonly name: string } & Partial<Omit<Link, "type" | "name">>): Link {
  const none: Artifacts = new Map();
  return parseLink(
    encodeLink({
      type: "link",
      command: [],
      materials: none,
      products: none,
      byproducts: emptyObject<Json>(),
      environment: emptyObject<Json>(),
      ...parts,
    }),
  );
}

export interface ItemTemplate {
  readonly name: string;
  /** Rules as words: `["CREATE", "foo"]`. */
  readonly expectedMaterials?: readonly (readonly string[])[];
  readonly expectedProducts?: readonly (readonly string[])[];
}

export interface LayoutTemplate {
  readonly expiresMs: number;
  readonly readme?: string;
  readonly keys: readonly FunctionaryKey[];
  readonly steps: readonly (ItemTemplate & {
    readonly pubkeys: readonly string[];
    readonly threshold: number;
    readonly expectedCommand?: readonly string[];
  })[];
  readonly inspect?: readonly (ItemTemplate & { readonly run: readonly string[] })[];
}

/**
 * A layout from its parts, its time cut to whole seconds. Stricter than parsing: every keyid of a step must be one
 * of `keys`. Problems: `intoto/layout-invalid`, `intoto/rule-invalid`, `intoto/key-unsupported`.
 */
export function createLayout(template: LayoutTemplate): Layout {
  const keys = new Map(template.keys.map((key) => [key.keyid, key]));
  const steps = template.steps.map((step): Step => {
    const stranger = step.pubkeys.find((keyid) => !keys.has(keyid));
    if (stranger !== undefined) {
      throw new Problem("intoto/layout-invalid", `step "${step.name}" names key ${stranger}, which the layout has not`);
    }
    const { threshold, pubkeys } = step;
    return { ...createItem(step), threshold, pubkeys, expectedCommand: step.expectedCommand ?? [] };
  });
  const inspect = (template.inspect ?? []).map((each): Inspection => ({ ...createItem(each), run: each.run }));
  const { expiresMs, readme = "" } = template;
  return parseLayout(encodeLayout({ type: "layout", expiresMs, readme, keys, steps, inspect }));
}

function createItem(template: ItemTemplate): SupplyChainItem {
  return {
    name: template.name,
    expectedMaterials: (template.expectedMaterials ?? []).map(parseRule),
    expectedProducts: (template.expectedProducts ?? []).map(parseRule),
  };
}

/** JSON of a link, the `signed` part. */
export function encodeLink(link: Link): JsonObject {
  return {
    _type: "link",
    name: link.name,
    command: link.command,
    materials: encodeArtifacts(link.materials),
    products: encodeArtifacts(link.products),
    byproducts: link.byproducts,
    environment: link.environment,
  };
}

function encodeArtifacts(artifacts: Artifacts): JsonObject {
  const out = emptyObject<Json>();
  for (const [name, digests] of artifacts) out[name] = encodeStringMap(digests);
  return out;
}

/** JSON of a layout, the `signed` part. */
export function encodeLayout(layout: Layout): JsonObject {
  const keys = emptyObject<Json>();
  for (const [keyid, key] of layout.keys) keys[keyid] = encodeFunctionaryKey(key);
  return {
    _type: "layout",
    expires: formatUtcSeconds(layout.expiresMs),
    readme: layout.readme,
    keys,
    steps: layout.steps.map((step) => ({
      _type: "step",
      ...encodeItem(step),
      threshold: step.threshold,
      pubkeys: step.pubkeys,
      expected_command: step.expectedCommand,
    })),
    inspect: layout.inspect.map((inspection) => ({
      _type: "inspection",
      ...encodeItem(inspection),
      run: inspection.run,
    })),
  };
}

function encodeItem(item: SupplyChainItem): JsonObject {
  return {
    name: item.name,
    expected_materials: item.expectedMaterials.map(encodeRule),
    expected_products: item.expectedProducts.map(encodeRule),
  };
}

/** The signed bytes of a link, for `linkFileName`. Problems: `intoto/metadata-invalid`, `intoto/key-unsupported`. */
export async function signLink(
  link: Link,
  signers: readonly MetadataSigner[],
  format: MetadataFormat = "dsse",
): Promise<Uint8Array> {
  return sign(encodeLink(link), signers, format);
}

/** The signed bytes of a layout. Problems: `intoto/metadata-invalid`, `intoto/key-unsupported`. */
export async function signLayout(
  layout: Layout,
  signers: readonly MetadataSigner[],
  format: MetadataFormat = "dsse",
): Promise<Uint8Array> {
  return sign(encodeLayout(layout), signers, format);
}

async function sign(
  signed: JsonObject,
  signers: readonly MetadataSigner[],
  format: MetadataFormat,
): Promise<Uint8Array> {
  demand(signers.length > 0, "intoto/metadata-invalid", "nobody signs");
  const named = signers.map(({ signer, keyid }) => {
    const key = verificationKey(signer.publicKey, keyid);
    demand(signer.scheme === key.scheme, "intoto/key-unsupported", `in-toto has no scheme ${signer.scheme}`);
    return { signer, keyid: key.keyid };
  });
  if (format === "dsse") {
    return canonicalJson(encodeEnvelope(await signEnvelope(payloadType, canonicalJson(signed), named)));
  }
  const message = olpcCanonicalJson(signed);
  const signatures = await Promise.all(
    named.map(async ({ signer, keyid }) => ({ keyid, sig: hex(await signer.sign(message)) })),
  );
  return utf8(JSON.stringify({ signatures, signed }));
}

/**
 * `{step}.{keyid:.8}.link`, the name that verifiers look for. The text of §4.4 says six characters; every
 * implementation uses eight. Problem `intoto/link-invalid` for a step name that is no file name.
 */
export function linkFileName(step: string, keyid: string): string {
  const valid = step !== "" && !/[/\\\0]/.test(step) && !step.startsWith(".") && isKeyid(keyid);
  demand(valid, "intoto/link-invalid", `no file can be named after step "${step}" and key "${keyid}"`);
  return `${step}.${keyid.slice(0, 8)}.link`;
}
