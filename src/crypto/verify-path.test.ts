import assert from "node:assert/strict";
import { test } from "node:test";
import { isProblem, type ProblemCode } from "../core/index.ts";
import { caExtensions, issue, issueChain, leafExtensions, someTimeMs } from "../../test/authority.ts";
import {
  basicConstraints,
  type Certificate,
  type ExtensionTemplate,
  extendedKeyUsage,
  keyUsage,
  oids,
  parseCertificate,
  pathLimits,
  poisonExtension,
  prepareAnchors,
  verifyPath,
} from "./index.ts";

const codeSigning = { atMs: someTimeMs, usage: "codeSigning" } as const;
const refusedAs = (code: ProblemCode) => (error: unknown) => {
  if (!isProblem(error, code)) throw error;
  return true;
};

test("a path runs from the leaf over intermediates to an anchor", async () => {
  for (const usage of ["codeSigning", "timeStamping"] as const) {
    const { root, intermediate, leaf } = await issueChain(usage);
    const all = [leaf.certificate, intermediate.certificate, root.certificate];
    const intermediates = [intermediate.certificate];
    const path = verifyPath(leaf.certificate, { anchors: [root.certificate], intermediates, atMs: someTimeMs, usage });
    assert.deepEqual([...path], all);
    const short = verifyPath(leaf.certificate, { anchors: intermediates, atMs: someTimeMs, usage });
    assert.equal(short.length, 2);
  }
});

test("without an anchor that issued it nothing is trusted", async () => {
  const { root, intermediate, leaf } = await issueChain("codeSigning");
  const stranger = await issue("root", { extensions: caExtensions() });
  const anchors = [root.certificate];
  const untrusted = refusedAs("crypto/path-untrusted");
  assert.throws(() => verifyPath(leaf.certificate, { ...codeSigning, anchors }), untrusted);
  assert.throws(() => verifyPath(leaf.certificate, { ...codeSigning, anchors: [] }), untrusted);
  const intermediates = [intermediate.certificate];
  const elsewhere = [stranger.certificate];
  assert.throws(() => verifyPath(leaf.certificate, { ...codeSigning, anchors: elsewhere, intermediates }), untrusted);
});

test("every certificate of the path must be valid at the time", async () => {
  const window = { notBeforeMs: someTimeMs - 1000, notAfterMs: someTimeMs + 1000 };
  for (const place of ["root", "intermediate", "leaf"]) {
    const template = (name: string) => (name === place ? { template: window } : {});
    const root = await issue("root", { extensions: caExtensions(), ...template("root") });
    const middle = { issuer: root, extensions: caExtensions(), ...template("intermediate") };
    const intermediate = await issue("middle", middle);
    const leafWish = { issuer: intermediate, extensions: leafExtensions("codeSigning"), ...template("leaf") };
    const leaf = await issue("leaf", leafWish);
    const trust = { anchors: [root.certificate], intermediates: [intermediate.certificate] };
    for (const atMs of [window.notBeforeMs, window.notAfterMs])
      verifyPath(leaf.certificate, { ...trust, atMs, usage: "codeSigning" });
    for (const atMs of [window.notBeforeMs - 1, window.notAfterMs + 1])
      assert.throws(
        () => verifyPath(leaf.certificate, { ...trust, atMs, usage: "codeSigning" }),
        refusedAs("crypto/path-expired"),
        place,
      );
  }
});

test("a signature by another key of the same name is refused", async () => {
  const root = await issue("root", { extensions: caExtensions() });
  const forged = await issue("root", { extensions: caExtensions() });
  const leaf = await issue("leaf", { issuer: forged, extensions: leafExtensions("codeSigning") });
  const { authorityKeyId: _, ...others } = leaf.certificate;
  const certificate: Certificate = { ...others, authorityKeyId: undefined };
  assert.throws(
    () => verifyPath(certificate, { ...codeSigning, anchors: [root.certificate] }),
    refusedAs("crypto/path-signature"),
  );
});

const unknownCritical: ExtensionTemplate = { oid: "1.2.3.4", critical: true, value: Uint8Array.of(5, 0) };
const nameConstraints: ExtensionTemplate = { oid: oids.nameConstraints, critical: true, value: Uint8Array.of(0x30, 0) };
const signs = keyUsage("digitalSignature");
const codePurpose = extendedKeyUsage([oids.codeSigning]);

test("a leaf that may not sign code is refused", async () => {
  const cases: readonly (readonly [ProblemCode, readonly ExtensionTemplate[]])[] = [
    ["crypto/path-usage", [signs]],
    ["crypto/path-usage", [codePurpose]],
    ["crypto/path-usage", [signs, extendedKeyUsage([oids.anyExtendedKeyUsage])]],
    ["crypto/path-usage", [signs, extendedKeyUsage([oids.timeStamping])]],
    ["crypto/path-usage", [keyUsage("nonRepudiation"), codePurpose]],
    ["crypto/path-constraint", [signs, codePurpose, basicConstraints({ ca: true })]],
    ["crypto/path-constraint", [keyUsage("digitalSignature", "keyCertSign"), codePurpose]],
    ["crypto/path-critical-extension", [signs, codePurpose, unknownCritical]],
    ["crypto/path-critical-extension", [signs, codePurpose, poisonExtension()]],
  ];
  const root = await issue("root", { extensions: caExtensions() });
  for (const [code, extensions] of cases) {
    const { certificate } = await issue("leaf", { issuer: root, extensions });
    assert.throws(() => verifyPath(certificate, { ...codeSigning, anchors: [root.certificate] }), refusedAs(code));
  }
});

test("time-stamping must be a leaf's one purpose, and critical", async () => {
  const root = await issue("root", { extensions: caExtensions() });
  const cases = [
    [extendedKeyUsage([oids.timeStamping], { critical: false })],
    [extendedKeyUsage([oids.timeStamping, oids.codeSigning])],
    [extendedKeyUsage([oids.timeStamping, "1.2.3"])],
    [],
  ];
  for (const purposes of cases) {
    const { certificate } = await issue("leaf", { issuer: root, extensions: [signs, ...purposes] });
    const options = { anchors: [root.certificate], atMs: someTimeMs, usage: "timeStamping" } as const;
    assert.throws(() => verifyPath(certificate, options), refusedAs("crypto/path-usage"));
  }
});

test("an issuer that may not issue is refused, the anchor too", async () => {
  const certSign = keyUsage("keyCertSign");
  const ca = basicConstraints({ ca: true });
  const cases: readonly (readonly [ProblemCode, readonly ExtensionTemplate[]])[] = [
    ["crypto/path-constraint", [certSign]],
    ["crypto/path-constraint", [certSign, basicConstraints({ ca: false })]],
    ["crypto/path-usage", [ca]],
    ["crypto/path-usage", [ca, keyUsage("digitalSignature")]],
    ["crypto/path-usage", [ca, certSign, extendedKeyUsage([oids.timeStamping])]],
    ["crypto/path-critical-extension", [ca, certSign, nameConstraints]],
    ["crypto/path-critical-extension", [ca, certSign, unknownCritical]],
  ];
  const root = await issue("root", { extensions: caExtensions() });
  for (const [code, extensions] of cases)
    for (const issuer of [undefined, root]) {
      const bad = await issue("bad", { extensions, ...(issuer === undefined ? {} : { issuer }) });
      const leaf = await issue("leaf", { issuer: bad, extensions: leafExtensions("codeSigning") });
      const anchors = [issuer === undefined ? bad.certificate : root.certificate];
      const intermediates = [bad.certificate];
      const options = { ...codeSigning, anchors, intermediates };
      assert.throws(() => verifyPath(leaf.certificate, options), refusedAs(code), code);
    }
});

test("a path longer than an issuer's path length, or than the limit, is refused", async () => {
  let issuer = await issue("root", { extensions: caExtensions() });
  const anchors = [issuer.certificate];
  const intermediates: Certificate[] = [];
  for (let i = 0; i < pathLimits.maxCertificates - 2; i++) {
    issuer = await issue(`ca ${i}`, { issuer, extensions: caExtensions() });
    intermediates.push(issuer.certificate);
  }
  const leaf = await issue("leaf", { issuer, extensions: leafExtensions("codeSigning") });
  const path = verifyPath(leaf.certificate, { ...codeSigning, anchors, intermediates });
  assert.equal(path.length, pathLimits.maxCertificates);
  const last = await issue("last", { issuer, extensions: caExtensions() });
  const deep = await issue("leaf", { issuer: last, extensions: leafExtensions("codeSigning") });
  const longer = [...intermediates, last.certificate];
  const tooLong = refusedAs("crypto/path-constraint");
  assert.throws(() => verifyPath(deep.certificate, { ...codeSigning, anchors, intermediates: longer }), tooLong);

  const { root, intermediate } = await issueChain("codeSigning");
  const below = await issue("below", { issuer: intermediate, extensions: caExtensions() });
  const under = await issue("leaf", { issuer: below, extensions: leafExtensions("codeSigning") });
  const middle = [below.certificate, intermediate.certificate];
  assert.throws(
    () => verifyPath(under.certificate, { ...codeSigning, anchors: [root.certificate], intermediates: middle }),
    tooLong,
  );
});

test("many issuers of one name end the search, not the process", async () => {
  const a = await issue("a", { extensions: caExtensions() });
  const b = await issue("b", { issuer: a, extensions: caExtensions() });
  const again = await issue("a", { issuer: b, extensions: caExtensions() });
  const leaf = await issue("leaf", { issuer: a, extensions: leafExtensions("codeSigning") });
  const copies = Array.from({ length: 80 }, () => parseCertificate(a.certificate.raw));
  const anchors = [(await issue("z", { extensions: caExtensions() })).certificate];
  const intermediates = [again.certificate, b.certificate, ...copies];
  assert.throws(
    () => verifyPath(leaf.certificate, { ...codeSigning, anchors, intermediates }),
    refusedAs("crypto/path-constraint"),
  );
});

test("another path is tried when one fails", async () => {
  const { root, intermediate, leaf } = await issueChain("codeSigning");
  const template = { notAfterMs: someTimeMs - 1 };
  const wish = { key: intermediate.key, issuer: root, extensions: caExtensions(), template };
  const expired = await issue("intermediate", wish);
  const anchors = [root.certificate];
  const intermediates = [expired.certificate, intermediate.certificate];
  const path = verifyPath(leaf.certificate, { ...codeSigning, anchors, intermediates });
  assert.deepEqual(path[1], intermediate.certificate);
  assert.throws(
    () => verifyPath(leaf.certificate, { ...codeSigning, anchors, intermediates: [expired.certificate] }),
    refusedAs("crypto/path-expired"),
  );
});

test("signatures between prepared certificates are remembered, and of those alone", async () => {
  const { root, intermediate, leaf } = await issueChain("codeSigning");
  const anchors = prepareAnchors([root.certificate], [intermediate.certificate]);
  verifyPath(leaf.certificate, { ...codeSigning, anchors });
  assert.ok(anchors.signedBy.get(intermediate.certificate)?.has(root.certificate));
  assert.equal(anchors.signedBy.has(leaf.certificate), false);
  const sent = parseCertificate(intermediate.certificate.raw);
  const bare = prepareAnchors([root.certificate]);
  verifyPath(leaf.certificate, { ...codeSigning, anchors: bare, intermediates: [sent] });
  assert.equal(bare.signedBy.has(sent), false);
});
