import assert from "node:assert/strict";
import { test } from "node:test";
import { isProblem } from "../core/index.ts";
import { createLink } from "./create.ts";
import type { Artifacts, Link } from "./model.ts";
import { applyRules, encodeRule, parseRule } from "./rules.ts";

function artifacts(names: Readonly<Record<string, string>>): Artifacts {
  return new Map(Object.entries(names).map(([name, value]) => [name, new Map([["sha256", value]])]));
}

interface Case {
  readonly property: string;
  readonly materials?: Readonly<Record<string, string>>;
  readonly products?: Readonly<Record<string, string>>;
  readonly materialRules?: readonly string[];
  readonly productRules?: readonly string[];
  /** A part of the message when the rules must refuse. */
  readonly refused?: string;
}

const source: Link = createLink({
  name: "source",
  materials: artifacts({ "old.c": "00" }),
  products: artifacts({ "foo.c": "aa", "lib/bar.c": "bb", "out/lib/bar.c": "bb" }),
});

const cases: readonly Case[] = [
  { property: "what no rule takes is allowed", products: { x: "01" }, productRules: [] },
  {
    property: "a final DISALLOW refuses what is left over and names it",
    products: { foo: "01", evil: "02" },
    productRules: ["CREATE foo", "DISALLOW *"],
    refused: `step "build", expected products, rule "DISALLOW *": artifact "evil"`,
  },
  { property: "CREATE takes new products", products: { foo: "01" }, productRules: ["CREATE foo", "DISALLOW *"] },
  {
    property: "CREATE leaves a product that was a material",
    materials: { foo: "01" },
    products: { foo: "02" },
    productRules: ["CREATE foo", "DISALLOW *"],
    refused: "foo",
  },
  {
    property: "CREATE takes no material",
    materials: { foo: "01" },
    products: {},
    materialRules: ["CREATE foo", "DISALLOW *"],
    refused: "expected materials",
  },
  {
    property: "DELETE takes a material that is no product",
    materials: { foo: "01" },
    materialRules: ["DELETE foo", "DISALLOW *"],
  },
  {
    property: "DELETE leaves a material that is still there",
    materials: { foo: "01" },
    products: { foo: "01" },
    materialRules: ["DELETE foo", "DISALLOW *"],
    refused: "foo",
  },
  {
    property: "MODIFY takes what changed",
    materials: { foo: "01" },
    products: { foo: "02" },
    productRules: ["MODIFY foo", "DISALLOW *"],
  },
  {
    property: "MODIFY leaves what did not change",
    materials: { foo: "01" },
    products: { foo: "01" },
    productRules: ["MODIFY foo", "DISALLOW *"],
    refused: "foo",
  },
  { property: "REQUIRE passes when the artifact is there", products: { foo: "01" }, productRules: ["REQUIRE foo"] },
  { property: "REQUIRE is no pattern", products: { foo: "01" }, productRules: ["REQUIRE f*"], refused: "f*" },
  {
    property: "REQUIRE after the rule that took the artifact refuses",
    products: { foo: "01" },
    productRules: ["ALLOW foo", "REQUIRE foo"],
    refused: "earlier rule",
  },
  {
    property: "REQUIRE takes nothing",
    products: { foo: "01" },
    productRules: ["REQUIRE foo", "DISALLOW *"],
    refused: "DISALLOW",
  },
  {
    property: "MATCH takes equal artifacts of the other step",
    materials: { "foo.c": "aa" },
    materialRules: ["MATCH *.c WITH PRODUCTS FROM source", "DISALLOW *"],
  },
  {
    property: "MATCH leaves an artifact with another digest",
    materials: { "foo.c": "ab" },
    materialRules: ["MATCH *.c WITH PRODUCTS FROM source", "DISALLOW *"],
    refused: "foo.c",
  },
  {
    property: "MATCH with MATERIALS looks at materials",
    materials: { "old.c": "00" },
    materialRules: ["match old.c with materials from source", "DISALLOW *"],
  },
  {
    property: "MATCH from a step that is not there takes nothing",
    materials: { "foo.c": "aa" },
    materialRules: ["MATCH * WITH PRODUCTS FROM sauce", "DISALLOW *"],
    refused: "foo.c",
  },
  {
    property: "MATCH IN strips the source prefix and leaves what is outside it",
    materials: { "src/foo.c": "aa", "foo.c": "aa" },
    materialRules: ["MATCH foo.c IN src WITH PRODUCTS FROM source", "DISALLOW *"],
    refused: `"foo.c" is left`,
  },
  {
    property: "MATCH IN leaves what lies under another prefix of the same length",
    materials: { "lib/foo.c": "aa" },
    materialRules: ["MATCH foo.c IN src WITH PRODUCTS FROM source", "DISALLOW *"],
    refused: "lib/foo.c",
  },
  {
    property: "MATCH IN on both sides moves the artifact",
    materials: { "src/bar.c": "bb" },
    materialRules: ["MATCH *.c IN src/ WITH PRODUCTS IN out/lib FROM source", "DISALLOW *"],
  },
  {
    property: "MATCH applies no pattern to the prefix",
    materials: { "src/foo.c": "aa" },
    materialRules: ["MATCH foo.c IN s* WITH PRODUCTS FROM source", "DISALLOW *"],
    refused: "src/foo.c",
  },
  {
    property: "a prefix ends at a slash",
    materials: { "srcfoo.c": "aa" },
    materialRules: ["MATCH * IN src WITH PRODUCTS FROM source", "DISALLOW *"],
    refused: "srcfoo.c",
  },
];

for (const each of cases) {
  test(each.property, () => {
    const link = createLink({
      name: "build",
      materials: artifacts(each.materials ?? {}),
      products: artifacts(each.products ?? {}),
    });
    const rules = (texts: readonly string[] = []) => texts.map((text) => parseRule(text.split(" ")));
    const item = {
      name: "build",
      expectedMaterials: rules(each.materialRules),
      expectedProducts: rules(each.productRules),
    };
    const apply = (): void => applyRules(item, link, new Map([["source", source]]));
    const { refused } = each;
    if (refused === undefined) apply();
    else assert.throws(apply, (error) => isProblem(error, "intoto/rule") && error.message.includes(refused));
  });
}

test("MATCH needs the whole digest set to be equal", () => {
  const strong = new Map([
    ["sha1", "11"],
    ["sha256", "aa"],
  ]);
  const other = createLink({ name: "source", products: new Map([["f", strong]]) });
  const link = createLink({ name: "build", materials: new Map([["f", new Map([["sha1", "11"]])]]) });
  const item = {
    name: "build",
    expectedMaterials: [parseRule(["MATCH", "f", "WITH", "PRODUCTS", "FROM", "source"]), parseRule(["DISALLOW", "*"])],
    expectedProducts: [],
  };
  assert.throws(
    () => applyRules(item, link, new Map([["source", other]])),
    (error) => isProblem(error, "intoto/rule"),
  );
});

test("a rule keeps its words", () => {
  for (const text of [
    "CREATE a",
    "DELETE a",
    "MODIFY a",
    "ALLOW a",
    "DISALLOW *",
    "REQUIRE a",
    "MATCH * WITH PRODUCTS FROM s",
    "MATCH * IN a WITH MATERIALS FROM s",
    "MATCH * WITH PRODUCTS IN b FROM s",
    "MATCH * IN a WITH PRODUCTS IN b FROM s",
  ]) {
    assert.equal(encodeRule(parseRule(text.split(" "))).join(" "), text);
  }
});

test("words that are no rule are refused", () => {
  for (const text of [
    "",
    "CREATE",
    "CREATE a b",
    "PERMIT a",
    "MATCH a",
    "MATCH a WITH PRODUCTS",
    "MATCH a WITH PRODUCTS FROM",
    "MATCH a WITH BYPRODUCTS FROM s",
    "MATCH a IN x IN y WITH PRODUCTS FROM s",
    "MATCH a WITH PRODUCTS FROM s IN x",
    "MATCH a FROM s WITH PRODUCTS",
  ]) {
    assert.throws(
      () => parseRule(text.split(" ")),
      (error) => isProblem(error, "intoto/rule-invalid"),
      text,
    );
  }
});
