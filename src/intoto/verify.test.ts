import assert from "node:assert/strict";
import { test } from "node:test";
import {
  dayMs,
  fromUtf8,
  isProblem,
  parseJson,
  utf8,
  type Json,
  type JsonObject,
  type ProblemCode,
} from "../core/index.ts";
import { createSigner, generateKey, type LocalSigner } from "../crypto/index.ts";
import {
  createLayout,
  createLink,
  encodeLayout,
  linkFileName,
  signLayout,
  signLink,
  type LayoutTemplate,
  type MetadataFormat,
} from "./create.ts";
import { sigstoreFunctionary, verificationKey } from "./key.ts";
import type { Link, VerificationKey } from "./model.ts";
import { parseLayout, parseMetadata } from "./parse.ts";
import { verifySupplyChain, type SupplyChainOptions } from "./verify-supply-chain.ts";
import { acceptAttestedLink, verifyLayout, verifyLink } from "./verify.ts";

const now = Date.UTC(2030, 0, 1);
const digests = (value: string) => new Map([["sha256", value.repeat(32)]]);

interface Person {
  readonly signer: LocalSigner;
  readonly key: VerificationKey;
}
function person(type: "ecdsa-p256" | "ecdsa-p384" | "ed25519" = "ecdsa-p256"): Person {
  const signer = createSigner(generateKey(type));
  return { signer, key: verificationKey(signer.publicKey) };
}
const owner = person();
const second = person("ed25519");
const alice = person("ed25519");
const bob = person();
const carol = person("ecdsa-p384");
const robot = sigstoreFunctionary("https://issuer.example", "https://example.com/build.yml");

const template: LayoutTemplate = {
  expiresMs: now + dayMs,
  keys: [alice.key, bob.key, carol.key, robot],
  steps: [
    {
      name: "write",
      pubkeys: [alice.key.keyid],
      threshold: 1,
      expectedProducts: [
        ["CREATE", "foo.c"],
        ["DISALLOW", "*"],
      ],
    },
    {
      name: "build",
      pubkeys: [bob.key.keyid, carol.key.keyid, robot.keyid],
      threshold: 2,
      expectedCommand: ["cc", "foo.c"],
      expectedMaterials: [
        ["MATCH", "foo.c", "WITH", "PRODUCTS", "FROM", "write"],
        ["DISALLOW", "*"],
      ],
      expectedProducts: [
        ["CREATE", "foo"],
        ["ALLOW", "foo.c"],
        ["DISALLOW", "*"],
      ],
    },
  ],
};
const write = createLink({ name: "write", products: new Map([["foo.c", digests("aa")]]) });
const build = createLink({
  name: "build",
  command: ["cc", "foo.c"],
  materials: new Map([["foo.c", digests("aa")]]),
  products: new Map([
    ["foo", digests("bb")],
    ["foo.c", digests("aa")],
  ]),
});

async function layoutOf(changes: Partial<LayoutTemplate> = {}, format: MetadataFormat = "dsse") {
  const bytes = await signLayout(createLayout({ ...template, ...changes }), [owner], format);
  return verifyLayout(bytes, [owner.key], now);
}

function refuses(code: ProblemCode, action: () => unknown, words = ""): void {
  assert.throws(action, (error) => isProblem(error, code) && error.message.includes(words));
}

for (const format of ["dsse", "metablock"] as const) {
  test(`a whole supply chain in ${format} verifies`, async () => {
    const layout = await layoutOf({}, format);
    const files = [
      await signLink(write, [alice], format),
      await signLink(build, [bob], format),
      await signLink(build, [carol], format),
    ];
    const evidence = files.flatMap((bytes) => verifyLink(bytes, layout));
    const chain = verifySupplyChain(layout, evidence);
    assert.deepEqual([...chain.steps.keys()], ["write", "build"]);
    assert.deepEqual(chain.summary.products, build.products);
    assert.deepEqual(chain.summary.command, build.command);
    assert.equal(chain.summary.materials.size, 0);
    assert.deepEqual(chain.warnings, []);
  });

  test(`a layout in ${format} with one character changed is refused`, async () => {
    const bytes = await signLayout(createLayout({ ...template, readme: "hello" }), [owner], format);
    const json = parseJson(bytes, { maxBytes: 1_000_000 }) as Record<string, Json>;
    const payload = json["payload"];
    const changed =
      typeof payload === "string"
        ? JSON.stringify({ ...json, payload: btoa(atob(payload).replace("hello", "hullo")) })
        : fromUtf8(bytes).replace("hello", "hullo");
    verifyLayout(bytes, [owner.key], now);
    refuses("intoto/layout-signature", () => verifyLayout(utf8(changed), [owner.key], now));
  });
}

test("every trusted key must have signed the layout, and there must be one", async () => {
  const layout = createLayout(template);
  const one = await signLayout(layout, [owner]);
  const both = await signLayout(layout, [owner, second]);
  refuses("intoto/layout-signature", () => verifyLayout(one, [], now));
  refuses("intoto/layout-signature", () => verifyLayout(one, [owner.key, second.key], now), second.key.keyid);
  refuses("intoto/layout-signature", () => verifyLayout(one, [{ ...second.key, keyid: owner.key.keyid }], now));
  assert.equal(verifyLayout(both, [owner.key, second.key], now).steps.length, 2);
});

test("a layout is refused from the moment it expires", async () => {
  const bytes = await signLayout(createLayout(template), [owner]);
  verifyLayout(bytes, [owner.key], template.expiresMs - 1);
  refuses("intoto/layout-expired", () => verifyLayout(bytes, [owner.key], template.expiresMs));
});

test("a layout without steps, with threshold 0, a repeated name or a stranger's key is refused", () => {
  const [first, ...rest] = template.steps;
  for (const steps of [
    [],
    [{ ...first!, threshold: 0 }, ...rest],
    [first!, first!],
    [{ ...first!, pubkeys: [owner.key.keyid] }],
    [{ ...first!, name: "" }],
  ]) {
    refuses("intoto/layout-invalid", () => createLayout({ ...template, steps }));
  }
});

test("a link signed by nobody authorized for its step is no evidence", async () => {
  const layout = await layoutOf();
  const byBob = await signLink(write, [bob]);
  refuses("intoto/functionary-unknown", () => verifyLink(byBob, layout));
  const forged = fromUtf8(await signLink(write, [second])).replace(second.key.keyid, alice.key.keyid);
  refuses("intoto/functionary-unknown", () => verifyLink(utf8(forged), layout));
});

test("a link cannot stand for a step of another name", async () => {
  const layout = await layoutOf();
  const other = await signLink(createLink({ ...write, name: "test" }), [alice]);
  refuses("intoto/step-missing", () => verifyLink(other, layout));
});

test("a layout in the place of a link is refused", async () => {
  const bytes = await signLayout(createLayout(template), [alice]);
  const layout = await layoutOf();
  refuses("intoto/sublayout-unsupported", () => verifyLink(bytes, layout));
});

test("a sigstore functionary signs no classic link but may attest one", async () => {
  const layout = await layoutOf();
  const evidence = acceptAttestedLink(layout, build, robot);
  assert.equal(evidence.functionary, robot.keyid);
  refuses("intoto/functionary-unknown", () => acceptAttestedLink(layout, build, { ...robot, identity: "x" }));
  refuses("intoto/functionary-unknown", () => acceptAttestedLink(layout, build, { ...robot, issuer: "x" }));
  refuses("intoto/functionary-unknown", () => acceptAttestedLink(layout, write, robot));
  const chain = [
    ...verifyLink(await signLink(write, [alice]), layout),
    ...verifyLink(await signLink(build, [bob]), layout),
    evidence,
  ];
  assert.ok(verifySupplyChain(layout, chain));
});

test("a missing step and too few functionaries are told apart", async () => {
  const layout = await layoutOf();
  const written = verifyLink(await signLink(write, [alice]), layout);
  const built = verifyLink(await signLink(build, [bob]), layout);
  refuses("intoto/step-missing", () => verifySupplyChain(layout, []), "write");
  refuses("intoto/step-missing", () => verifySupplyChain(layout, written), "build");
  refuses("intoto/threshold", () => verifySupplyChain(layout, [...written, ...built, ...built]), "1 of 2");
});

test("one key under two keyids counts once", async () => {
  const alias = { ...bob.key, keyid: "0123456789abcdef" };
  const [first, next] = template.steps;
  const layout = await layoutOf({
    keys: [...template.keys, alias],
    steps: [first!, { ...next!, pubkeys: [bob.key.keyid, alias.keyid] }],
  });
  const bytes = await signLink(build, [bob, { signer: bob.signer, keyid: alias.keyid }]);
  const evidence = [...verifyLink(await signLink(write, [alice]), layout), ...verifyLink(bytes, layout)];
  assert.equal(evidence.length, 3);
  refuses("intoto/threshold", () => verifySupplyChain(layout, evidence), "1 of 2");
});

test("evidence verified against another layout does not count", async () => {
  const layout = await layoutOf();
  const mallory = person();
  const posed = { ...mallory.key, keyid: alice.key.keyid };
  const other = await layoutOf({ keys: [posed, bob.key, carol.key, robot] });
  const bytes = await signLink(write, [{ signer: mallory.signer, keyid: posed.keyid }]);
  refuses("intoto/step-missing", () => verifySupplyChain(layout, verifyLink(bytes, other)), "write");
});

test("evidence counts only for the step it names and under a layout that authorizes its functionary for it", async () => {
  const [first, next] = template.steps;
  const pubkeys = [alice.key.keyid];
  const layout = await layoutOf({ steps: [first!, { ...next!, pubkeys, threshold: 1 }] });
  const written = verifyLink(await signLink(write, [alice]), layout);
  const built = verifyLink(await signLink(build, [alice]), layout);
  assert.ok(verifySupplyChain(layout, [...written, ...built]));
  refuses("intoto/step-missing", () => verifySupplyChain(layout, written), "build");
  const strict = await layoutOf({ steps: [first!, { ...next!, threshold: 1 }] });
  refuses("intoto/step-missing", () => verifySupplyChain(strict, [...written, ...built]), "build");
});

test("a key of a layout must be what its scheme and its keyid say", () => {
  const layout = parseJson(utf8(JSON.stringify(encodeLayout(createLayout(template)))), { maxBytes: 100_000 });
  const { keyid } = bob.key;
  const withKey = (fields: { readonly [name: string]: Json }): Json => {
    const keys = (layout as { readonly keys: { readonly [keyid: string]: JsonObject } }).keys;
    return { ...(layout as JsonObject), keys: { ...keys, [keyid]: { ...keys[keyid], ...fields } } };
  };
  assert.equal(parseLayout(withKey({ keytype: "ecdsa-sha2-nistp256" })).keys.get(keyid)?.kind, "public");
  assert.equal(parseLayout(withKey({ scheme: "pgp+rsa-pkcsv1.5" })).keys.get(keyid)?.kind, "unsupported");
  assert.equal(parseLayout(withKey({ keytype: "rsa" })).keys.get(keyid)?.kind, "unsupported");
  refuses("intoto/layout-invalid", () => parseLayout(withKey({ keytype: "rsa", scheme: "rsassa-pss-sha256" })), "fit");
  refuses("intoto/layout-invalid", () => parseLayout(withKey({ keyid: alice.key.keyid })), "keyid");
});

test("functionaries must report the same artifacts, even more of them than needed", async () => {
  const [first, next] = template.steps;
  const products = createLink({ ...build, products: new Map([["foo", digests("cc")]]) });
  const materials = createLink({ ...build, materials: new Map([["foo.c", digests("cc")]]) });
  for (const [threshold, differing] of [
    [1, products],
    [2, products],
    [2, materials],
  ] as const) {
    const layout = await layoutOf({ steps: [first!, { ...next!, threshold }] });
    const evidence = [
      ...verifyLink(await signLink(write, [alice]), layout),
      ...verifyLink(await signLink(build, [bob]), layout),
      ...verifyLink(await signLink(differing, [carol]), layout),
    ];
    refuses("intoto/links-differ", () => verifySupplyChain(layout, evidence), "build");
  }
});

async function chainOf(changes: Partial<LayoutTemplate>, builds: Link, options?: SupplyChainOptions) {
  const layout = await layoutOf(changes);
  const files = [await signLink(write, [alice]), await signLink(builds, [bob]), await signLink(builds, [carol])];
  const evidence = files.flatMap((bytes) => verifyLink(bytes, layout));
  return () => verifySupplyChain(layout, evidence, options);
}

test("an artifact that no rule allows is refused by step, rule and name", async () => {
  const products = new Map([...build.products, ["evil", digests("ee")]]);
  const chain = await chainOf({}, createLink({ ...build, products }));
  refuses("intoto/rule", chain, `step "build", expected products, rule "DISALLOW *": artifact "evil"`);
});

test("a command other than the expected one is a warning", async () => {
  const chain = await chainOf({}, createLink({ ...build, command: ["sh"] }));
  assert.match(chain().warnings.join(), /step "build" ran \["sh"\]/);
});

test("an inspection is refused unless its link is handed in, ended with 0 and fits its rules", async () => {
  const inspect = [
    {
      name: "look",
      run: ["true"],
      expectedMaterials: [
        ["MATCH", "foo", "WITH", "PRODUCTS", "FROM", "build"],
        ["DISALLOW", "*"],
      ],
    },
  ];
  const look = (value: string, status: number): SupplyChainOptions => {
    const materials = new Map([["foo", digests(value)]]);
    const link = createLink({ name: "look", materials, byproducts: { "return-value": status } });
    return { inspections: new Map([["look", link]]) };
  };
  refuses("intoto/inspection-unsupported", await chainOf({ inspect }, build), "look");
  refuses("intoto/inspection-failed", await chainOf({ inspect }, build, look("bb", 1)));
  refuses("intoto/rule", await chainOf({ inspect }, build, look("bc", 0)), "look");
  assert.ok((await chainOf({ inspect }, build, look("bb", 0)))());
});

test("parameters fill in names in braces, and braces that are none are refused", async () => {
  const [first, next] = template.steps;
  const withRule = (word: string) => ({
    steps: [
      {
        ...first!,
        expectedProducts: [
          ["CREATE", word],
          ["DISALLOW", "*"],
        ],
      },
      next!,
    ],
  });
  const parameters = new Map([["name", "foo"]]);
  assert.ok((await chainOf(withRule("{name}.c"), build, { parameters }))());
  refuses("intoto/rule", await chainOf(withRule("{name}.c"), build), "foo.c");
  for (const word of ["{other}", "{", "}", "{}", "{name.x}", "{name!r}", "{name:>9}", "{{name}"]) {
    refuses("intoto/parameter", await chainOf(withRule(word), build, { parameters }));
  }
  refuses("intoto/parameter", await chainOf({}, build, { parameters: new Map([["a b", "x"]]) }));
});

test("a path has one spelling", () => {
  for (const name of [
    "dir/../foo",
    "./foo",
    "foo/.",
    "foo//bar",
    "foo/",
    "",
    "/",
    "..",
    "/../foo",
    "file:a/../b",
    "a\0",
  ]) {
    refuses("intoto/link-invalid", () => createLink({ name: "s", products: new Map([[name, digests("aa")]]) }));
  }
  for (const name of [
    "foo",
    "../foo",
    "../../a/b",
    "/a/b",
    ".git",
    "...",
    "a..b",
    "git:commit:ab",
    "https://h/a",
    "__proto__",
  ]) {
    assert.ok(createLink({ name: "s", products: new Map([[name, digests("aa")]]) }).products.has(name));
  }
});

test("an artifact without a hexadecimal digest is refused", () => {
  for (const digest of [new Map(), new Map([["sha256", ""]]), new Map([["sha256", "xyz"]])]) {
    refuses("intoto/link-invalid", () => createLink({ name: "s", products: new Map([["a", digest]]) }));
  }
});

test("two signatures with one keyid are refused", async () => {
  const bytes = await signLink(write, [alice, alice]);
  refuses("intoto/metadata-invalid", () => parseMetadata(bytes));
});

test("a fraction in metadata is refused", async () => {
  const text = `{"signatures":[],"signed":{"_type":"link","name":"a","command":[],"materials":{},"products":{},"byproducts":{"x":1.5},"environment":{}}}`;
  refuses("core/json-number", () => parseMetadata(utf8(text)));
  assert.ok(parseMetadata(utf8(text.replace("1.5", "1"))));
});

test("a link file is named after its step and the first eight characters of the keyid", () => {
  assert.equal(linkFileName("build", "0123456789abcdef"), "build.01234567.link");
  for (const step of ["", "../x", "a/b", ".x", "a\0"]) {
    refuses("intoto/link-invalid", () => linkFileName(step, "0123456789abcdef"));
  }
});
