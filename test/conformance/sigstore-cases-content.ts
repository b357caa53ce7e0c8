// Cases that must be refused for what is signed, and by whom: subjects, envelopes, identities, the form of a bundle
// and of a trust root.

import { base64, utf8 } from "../../src/core/index.ts";
import { digest } from "../../src/crypto/index.ts";
import { type Bundle, signEnvelope, statementPayloadType } from "../../src/sigstore/index.ts";
import { newSigner, statementOf } from "../sigstore-instance.ts";
import { stranger } from "./sigstore-cases-pass.ts";
import {
  artifact,
  attestation,
  type Case,
  identity,
  keyless,
  message,
  otherMessage,
  rootBytes,
  rootWithoutCt,
  signatureOf,
  withText,
  world,
} from "./sigstore-workshop.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** The attestation with this payload, signed and logged as it stands. */
const stating = (payload: Uint8Array): Promise<Bundle> => signEnvelope(statementPayloadType, payload, keyless());
const statement = (change: object): Uint8Array =>
  utf8(JSON.stringify({ ...(JSON.parse(text(statementOf(artifact))) as object), ...change }));
const hexSha256 = Buffer.from(digest("sha256", artifact)).toString("hex");

async function subjects(): Promise<readonly Case[]> {
  return [
    {
      name: "subject-of-another-artifact_fail",
      property: "an attestation of another artifact is refused, however valid it is",
      advisories: ["GHSA-mhg6-2q2v-9h2c"],
      bundle: await stating(statementOf(utf8("another artifact"))),
      problem: "sigstore/subject-mismatch",
    },
    {
      name: "subject-under-another-algorithm_fail",
      property: "the right digest under another algorithm's name is no match",
      advisories: ["GHSA-mhg6-2q2v-9h2c"],
      bundle: await stating(statement({ subject: [{ name: "a", digest: { sha512: hexSha256 } }] })),
      problem: "sigstore/subject-mismatch",
    },
    {
      name: "subject-contradicts-itself_fail",
      property: "a subject one of whose digests is another artifact's is no match",
      bundle: await stating(
        statement({ subject: [{ name: "a", digest: { sha256: hexSha256, sha512: "00".repeat(64) } }] }),
      ),
      by: ["path"],
      problem: "sigstore/subject-mismatch",
    },
    {
      name: "subject-among-several",
      property: "the artifact may be any one of several subjects",
      advisories: ["GHSA-mhg6-2q2v-9h2c"],
      bundle: await stating(
        statement({
          subject: [
            { name: "a", digest: { sha256: "00".repeat(32) } },
            { name: "b", digest: { sha256: hexSha256 } },
          ],
        }),
      ),
    },
    {
      name: "subject-with-33-digests_fail",
      property: "a subject has at most 32 digests",
      bundle: await stating(
        statement({
          subject: [{ name: "a", digest: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`d${n}`, "00"])) }],
        }),
      ),
      problem: "sigstore/statement-invalid",
    },
    {
      name: "statement-without-subjects_fail",
      property: "a statement about nothing is about nothing",
      bundle: await stating(statement({ subject: [] })),
      problem: "sigstore/statement-invalid",
    },
    {
      name: "payload-that-is-no-json_fail",
      property: "a payload that cannot be read is refused, never taken as signed enough",
      advisories: ["GHSA-w6c6-c85g-mmv6", "CVE-2026-39395"],
      bundle: await stating(utf8("not json")),
      problem: "core/json-invalid",
    },
    {
      name: "payload-empty_fail",
      property: "an empty payload is refused",
      advisories: ["GHSA-273p-m2cw-6833", "CVE-2026-23831"],
      bundle: await stating(new Uint8Array(0)),
      problem: "core/json-invalid",
    },
    {
      name: "predicate-of-another-type_fail",
      property: "no statement of the wanted type is no yes",
      advisories: [
        "GHSA-vjxv-45g9-9296",
        "CVE-2022-35929",
        "GHSA-w6c6-c85g-mmv6",
        "CVE-2026-39395",
        "GHSA-739f-hw6h-7wq8",
        "CVE-2022-35930",
      ],
      bundle: attestation,
      arguments: { ...identity, predicateType: "https://spdx.dev/Document" },
      problem: "sigstore/predicate-type-mismatch",
    },
    {
      name: "predicate-type-for-a-message_fail",
      property: "a message signature has no predicate of any type",
      advisories: ["GHSA-w6c6-c85g-mmv6"],
      bundle: message,
      arguments: { ...identity, predicateType: "https://slsa.dev/provenance/v1" },
      problem: "sigstore/predicate-type-mismatch",
    },
  ];
}

async function envelopes(): Promise<readonly Case[]> {
  const type = "application/vnd.ex\xE4mple+json";
  const odd = await signEnvelope(type, utf8("{}"), keyless());
  const lookAlike = [...statementPayloadType].map((each) => String.fromCharCode(each.charCodeAt(0) + 256)).join("");
  const envelope = attestation.content.kind === "dsse" ? attestation.content.envelope : void 0;
  const relabelled: Bundle = {
    ...attestation,
    content: { kind: "dsse", envelope: { ...envelope!, payloadType: lookAlike } },
  };
  const sig = base64(signatureOf(attestation));
  return [
    {
      name: "payload-type-look-alike_fail",
      property: "a payload type whose low bytes are another's does not take its signature",
      advisories: ["GHSA-jfc7-64v2-mr8c", "CVE-2026-48758"],
      bundle: relabelled,
      arguments: { ...identity, payloadType: lookAlike },
      by: ["path"],
      problem: "sigstore/log-entry-mismatch",
    },
    {
      name: "payload-type-of-a-statement_fail",
      property: "an envelope of another type is not read as a statement",
      bundle: odd,
      problem: "sigstore/payload-type-mismatch",
    },
    {
      name: "payload-type-by-utf16-length_fail",
      property: "an envelope signed over UTF-16 lengths is refused",
      advisories: ["GHSA-jfc7-64v2-mr8c"],
      bundle: await mislengthed(type),
      arguments: { ...identity, payloadType: type },
      by: ["path"],
      problem: "sigstore/signature-invalid",
      root: { ...rootWithoutCt, logs: [] },
    },
    {
      name: "two-dsse-signatures_fail",
      property: "an envelope with two signatures is refused, also if both are good",
      advisories: ["TOB-SIGSTORE-9"],
      bundle: withText(attestation, (it) => it.replace(`{"sig":"${sig}"}`, `{"sig":"${sig}"},{"sig":"${sig}"}`)),
      problem: "sigstore/bundle-invalid",
    },
    {
      name: "no-dsse-signature_fail",
      property: "an envelope without a signature is refused",
      bundle: withText(attestation, (it) => it.replace(`{"sig":"${sig}"}`, "")),
      problem: "crypto/dsse-invalid",
    },
    {
      name: "message-and-envelope_fail",
      property: "a bundle that holds both kinds of content is refused",
      bundle: withText(attestation, (it) =>
        it.replace('"dsseEnvelope"', `"messageSignature":{"signature":"${sig}"},"dsseEnvelope"`),
      ),
      problem: "sigstore/bundle-invalid",
    },
  ];
}

/** As a signer would make it that counts characters where bytes are meant. */
async function mislengthed(payloadType: string): Promise<Bundle> {
  const signer = newSigner("ecdsa-p256");
  const [leaf] = await world.chain(signer);
  const sig = signer.sign(utf8(`DSSEv1 ${payloadType.length} ${payloadType} 2 {}`));
  return {
    ...attestation,
    verificationMaterial: {
      signer: { kind: "certificate", leaf: leaf!, rest: [] },
      logEntries: [],
      timestamps: [await world.timestamp(sig)],
    },
    content: { kind: "dsse", envelope: { payloadType, payload: utf8("{}"), signatures: [{ keyid: "", sig }] } },
  };
}

function identities(): readonly Case[] {
  const { identity: name } = identity;
  const wrong = (
    suffix: string,
    property: string,
    asked: object,
    problem: string,
    advisories?: readonly string[],
  ): Case => ({
    name: `${suffix}_fail`,
    property,
    bundle: message,
    arguments: { ...identity, ...asked },
    problem,
    ...(advisories === void 0 ? {} : { advisories }),
  });
  return [
    wrong(
      "identity-of-another",
      "another identity is refused",
      { identity: "https://ci.example.org/gadget/build.yaml@refs/heads/main" },
      "sigstore/identity-mismatch",
    ),
    wrong(
      "identity-longer",
      "an identity that goes on is refused",
      { identity: name.slice(0, -1) },
      "sigstore/identity-mismatch",
    ),
    wrong(
      "identity-contained",
      "an identity that contains the expected one is refused",
      { identity: "ci.example.org/widget" },
      "sigstore/identity-mismatch",
    ),
    wrong(
      "identity-as-regular-expression",
      "an expected identity is never a regular expression",
      { identity: name.replaceAll(".", "\\.") },
      "sigstore/identity-mismatch",
    ),
    wrong(
      "identity-any-character",
      "a point stands for a point",
      { identity: name.replace("build.yaml", "build.....") },
      "sigstore/identity-mismatch",
    ),
    wrong(
      "identity-asterisk",
      "an asterisk is no pattern unless one was asked for",
      { identity: "*" },
      "sigstore/identity-mismatch",
    ),
    wrong("identity-empty", "no identity is not any identity", { identity: "" }, "sigstore/identity-expected"),
    wrong(
      "issuer-of-another",
      "another issuer is refused",
      { issuer: "https://accounts.example.org" },
      "sigstore/issuer-mismatch",
    ),
    wrong(
      "issuer-prefix",
      "an issuer that the expected one begins is refused",
      { issuer: "https://ci.example" },
      "sigstore/issuer-mismatch",
    ),
    wrong("issuer-empty", "no issuer is not any issuer", { issuer: "" }, "sigstore/identity-expected"),
    wrong(
      "identity-pattern-of-the-beginning",
      "a pattern is anchored at its end",
      { identityPattern: "https://ci.example.org/widget/*.yaml" },
      "sigstore/identity-mismatch",
    ),
    wrong(
      "identity-pattern-of-the-end",
      "a pattern is anchored at its beginning",
      { identityPattern: "https://i.example.org/widget/**" },
      "sigstore/identity-mismatch",
    ),
    wrong(
      "identity-pattern-across-segments",
      "one asterisk does not cross a slash",
      { identityPattern: "https://ci.example.org/*@refs/heads/main" },
      "sigstore/identity-mismatch",
    ),
    wrong(
      "identity-pattern-of-any-host",
      "a pattern without a host is refused",
      { identityPattern: "https://*/widget/build.yaml@refs/heads/main" },
      "sigstore/pattern-invalid",
    ),
    wrong(
      "issuer-pattern-open-host",
      "a host that a wildcard ends is refused",
      { issuerPattern: "https://ci.example.org*" },
      "sigstore/pattern-invalid",
      ["GHSA-59jp-pj84-45mr", "CVE-2026-22772"],
    ),
    wrong(
      "extension-otherwise",
      "an extension that is expected is never dropped",
      { extensions: { sourceRepositoryUri: "https://git.example.org/other" } },
      "sigstore/identity-mismatch",
      ["GHSA-52v5-jr5w-gjxr", "CVE-2026-48815"],
    ),
    wrong(
      "extension-missing",
      "an extension that is expected must be stated",
      { extensions: { deploymentEnvironment: "production" } },
      "sigstore/identity-mismatch",
      ["GHSA-52v5-jr5w-gjxr", "CVE-2026-48815"],
    ),
  ];
}

function formsAndRoots(): readonly Case[] {
  const root = (change: (it: string) => string): Uint8Array => utf8(change(text(rootBytes(world.root))));
  const signature = base64(signatureOf(message));
  const spaced = `${signature.slice(0, 4)}\\n${signature.slice(4)}`;
  return [
    {
      name: "base64-with-a-line-break_fail",
      property: "base64 has one form",
      bundle: withText(message, (it) => it.replace(signature, spaced)),
      problem: "sigstore/bundle-invalid",
    },
    {
      name: "name-twice_fail",
      property: "a name that stands twice is refused, so that no two readers differ",
      bundle: withText(message, (it) =>
        it.replace('"messageSignature":{', `"messageSignature":{"signature":"${signature}",`),
      ),
      problem: "core/json-duplicate-name",
    },
    {
      name: "text-after-the-bundle_fail",
      property: "nothing may follow the bundle",
      bundle: withText(message, (it) => `${it}{}`),
      problem: "core/json-invalid",
    },
    {
      name: "two-kinds-of-signer_fail",
      property: "a bundle names one kind of signer",
      bundle: withText(message, (it) => it.replace('"certificate":', '"publicKey":{"hint":"k"},"certificate":')),
      problem: "sigstore/bundle-invalid",
    },
    {
      name: "digest-of-another-artifact_fail",
      property: "the digest that the bundle names is the artifact's",
      bundle: otherMessage,
      problem: "sigstore/digest-mismatch",
    },
    {
      name: "digest-of-another-algorithm_fail",
      property: "a digest that the signature is not over decides nothing",
      bundle: message,
      by: ["sha512"],
      problem: "sigstore/artifact-digest-unsuitable",
    },
    {
      name: "root-without-start_fail",
      property: "a window without a start is not open to all time",
      bundle: message,
      root: root((it) => it.replace(/"start": "[^"]*"/, '"begin": "2026-01-01T00:00:00Z"')),
      problem: "sigstore/trusted-root-invalid",
    },
    {
      name: "root-window-backwards_fail",
      property: "a window that ends before it starts is refused",
      bundle: message,
      root: root((it) => it.replace(/("start": "[^"]*")/, '$1, "end": "2020-01-01T00:00:00Z"')),
      problem: "sigstore/trusted-root-invalid",
    },
    {
      name: "root-key-of-another-kind_fail",
      property: "a key that is not of the kind its name says refuses the trust root",
      advisories: ["TOB-SIGSTORE-6"],
      bundle: message,
      root: root((it) => it.replace("PKIX_ECDSA_P256_SHA_256", "PKIX_ECDSA_P384_SHA_384")),
      problem: "sigstore/trusted-root-invalid",
    },
    {
      name: "root-of-another-instance_fail",
      property: "a bundle of another instance is refused",
      bundle: message,
      root: stranger.root,
      problem: "sigstore/log-threshold",
    },
  ];
}

/** One after the other with those of the other files, as all share one clock. */
export async function contentCases(): Promise<readonly Case[]> {
  return [...(await subjects()), ...(await envelopes()), ...identities(), ...formsAndRoots()];
}
