// The predicate Link v0.3, in-toto/attestation spec/predicates/link: a classic link as an attestation. Products are
// the subjects, so a link without products cannot be one (a Statement needs a subject).

import { emptyObject, Fields, type Json } from "../core/index.ts";
import { linkPredicateType, type Artifacts, type DigestSet, type Link, limits, type Statement } from "./model.ts";
import { checkArtifactName, parseArtifactDigests } from "./parse.ts";
import { createStatement, encodeResourceDescriptor, encodeStringMap } from "./statement.ts";

const code = "intoto/link-invalid";

/** The link as a Statement. Problem `intoto/statement-invalid` when it has no products or too many. */
export function createLinkStatement(link: Link): Statement {
  return createStatement({
    subject: [...link.products].map(([name, digest]) => ({ name, digest })),
    predicateType: linkPredicateType,
    predicate: {
      name: link.name,
      command: link.command,
      materials: [...link.materials].map(([name, digest]) => encodeResourceDescriptor({ name, digest })),
      byproducts: link.byproducts,
      environment: link.environment,
    },
  });
}

/**
 * The classic link that a Statement holds ("Converting to old-style links").
 * Problem `intoto/link-invalid` for another predicate type, a missing or a repeated name.
 */
export function parseLinkStatement(statement: Statement): Link {
  const type = Fields.of({ predicateType: statement.predicateType }, "statement", code);
  type.oneOf("predicateType", linkPredicateType);
  const fields = Fields.of(statement.predicate, "link", code);
  const object = (name: string): Fields["value"] =>
    fields.nullable(name, (it) => fields.object(it).value) ?? emptyObject<Json>();
  const materials = fields.nullable("materials", (name) =>
    fields.objects(name, { max: limits.artifacts }, (material): [string, DigestSet] => [
      material.string("name"),
      parseArtifactDigests(material.object("digest")),
    ]),
  );
  const products = statement.subject.map((subject, index): [string, DigestSet] => {
    const digest = Fields.of(encodeStringMap(subject.digest), `subject[${index}].digest`, code);
    if (subject.name === undefined) throw digest.problem("name", "is missing");
    return [subject.name, parseArtifactDigests(digest)];
  });
  return {
    type: "link",
    name: fields.string("name", { min: 1, max: 1024 }),
    command: fields.nullable("command", (name) => fields.strings(name, { max: limits.words })) ?? [],
    materials: uniqueArtifacts(fields, "materials", materials ?? []),
    products: uniqueArtifacts(fields, "products", products),
    byproducts: object("byproducts"),
    environment: object("environment"),
  };
}

function uniqueArtifacts(fields: Fields, list: string, entries: readonly [string, DigestSet][]): Artifacts {
  for (const [name] of entries) checkArtifactName(fields, list, name);
  const artifacts = new Map(entries);
  if (artifacts.size !== entries.length) throw fields.problem(list, "names an artifact twice");
  return artifacts;
}
