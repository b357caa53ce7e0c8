import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { newRekorV1Log } from "../../test/conformance/sigstore-old-log.ts";
import { newInstance, newRekorLog, newSigner, startMs } from "../../test/sigstore-instance.ts";
import { concat, fromUtf8, hex, isProblem, minuteMs, problemChain, utf8 } from "../core/index.ts";
import {
  cmsLimits,
  der,
  derTag,
  encodeAttribute,
  encodeDetachedSignedData,
  encodePem,
  encodeSignedAttributes,
  oids,
  parseCertificate,
  parsePem,
  readDer,
} from "../crypto/index.ts";
import {
  type Bundle,
  encodeGitSignature,
  gitSignatureLabel,
  type GitSigner,
  parseGitSignature,
  prepareTrust,
  signGitObject,
  signMessage,
  type SignOptions,
  type TrustedRoot,
  type VerifiedBundle,
  verifyGitSignature,
} from "./index.ts";

const payload = utf8("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor Jo <jo@example.com> 1 +0000\n\nhello\n");
const world = await newInstance();
const chain = await world.chain(newSigner("ecdsa-p256"));
const identity = {
  issuer: "https://ci.example.org",
  subjectAlternativeName: "https://ci.example.org/widget/build.yaml@refs/heads/main",
};

function signerWith(change: Partial<SignOptions> = {}): GitSigner {
  const options: SignOptions = {
    signer: newSigner("ecdsa-p256"),
    material: { kind: "certificate", chain: world.chain },
    services: world.services,
    trust: world.trust,
    ...change,
  };
  return { signMessage: (bytes) => signMessage(bytes, options), chain: () => chain.slice(1) };
}

const armour = utf8(await signGitObject(payload, signerWith(), startMs));
const message = parsePem(fromUtf8(armour), gitSignatureLabel)[0]!;

const armoured = (bytes: Uint8Array): Uint8Array => utf8(encodePem(gitSignatureLabel, bytes));

function verify(text: Uint8Array, trust = world.trust, content = payload): VerifiedBundle {
  return verifyGitSignature(content, parseGitSignature(text), { trust, identity });
}

function refused(code: string, text: Uint8Array, trust = world.trust, content = payload): void {
  assert.throws(
    () => verify(text, trust, content),
    (error) => {
      assert(isProblem(error), String(error));
      assert.equal(error.code, code, problemChain(error).join("; "));
      return true;
    },
  );
}

/** The message with its parts changed; each is DER. */
interface Parts {
  version: Uint8Array;
  algorithms: Uint8Array;
  encapsulated: Uint8Array;
  certificates: Uint8Array[];
  crls: Uint8Array[];
  signers: Uint8Array[];
}

const input = { what: "message", code: "test/invalid", maxBytes: cmsLimits.maxDetachedBytes } as const;

function rebuilt(change: (parts: Parts) => void, from = message): Uint8Array {
  const parts = readDer(from, input, (reader) =>
    reader.sequence((info) => {
      info.oid();
      return info.context(0, (outer) =>
        outer.sequence((fields): Parts => {
          const many = { min: 0, max: 100 };
          return {
            version: fields.element().raw,
            algorithms: fields.element().raw,
            encapsulated: fields.element().raw,
            certificates: fields.context(0, (set) => set.list(many, (each) => each.element().raw)),
            crls: [],
            signers: fields.enter(derTag.set, (set) => set.list(many, (each) => each.element().raw)),
          };
        }),
      );
    }),
  );
  change(parts);
  const { version, algorithms, encapsulated, certificates, crls, signers } = parts;
  const bag = certificates.length === 0 ? [] : [der.implicit(0, der.encode(derTag.set, ...certificates))];
  const body = der.sequence(version, algorithms, encapsulated, ...bag, ...crls, der.encode(derTag.set, ...signers));
  return armoured(der.sequence(der.oid(oids.signedData), der.explicit(0, body)));
}

/** A SignerInfo's elements, in their order: version, sid, digest, [0], algorithm, signature, [1]. */
function signerWithElements(signer: Uint8Array, change: (elements: Uint8Array[]) => void): Uint8Array {
  const elements = readDer(signer, input, (reader) =>
    reader.sequence((fields) => fields.list({ min: 0, max: 10 }, (each) => each.element().raw)),
  );
  change(elements);
  return der.sequence(...elements);
}

/** A message whose signed attributes are these, signed and logged as any other. */
async function signedOver(attributes: (signer: Uint8Array) => Uint8Array): Promise<Uint8Array> {
  const signedBytes = attributes(payload);
  return utf8(encodeGitSignature(await signerWith().signMessage(signedBytes), signedBytes, []));
}

test("a signature verifies, and says who, when and where it is logged", () => {
  const verified = verify(armour);
  assert(verified.signer.kind === "identity");
  assert.equal(verified.signer.identity.issuer, identity.issuer);
  assert.deepEqual(
    verified.times.map(({ source }) => source),
    ["timestamp"],
  );
  assert.equal(verified.logEntries[0]!.version, "0.0.2");
});

test("the message holds the leaf and what is above it, without the root, and the log entry without its body", () => {
  const { signedData, logEntries, timestamps } = parseGitSignature(armour);
  assert.equal(signedData.certificates.length, 2);
  assert.equal(logEntries[0]!.canonicalizedBody, undefined);
  assert.equal(timestamps.length, 1);
  assert.deepEqual([...signedData.signer.signedAttributes.keys()].sort(), [
    oids.contentType,
    oids.messageDigest,
    oids.signingTime,
  ]);
});

test("a signature of another object, or of this one changed, is refused", () => {
  refused("crypto/cms-signature", armour, world.trust, concat(payload, utf8("x")));
  refused("crypto/cms-signature", armour, world.trust, payload.slice(0, -1));
});

test("an entry of Rekor v1 verifies by its promise, without a timestamp", async () => {
  const log = await newRekorV1Log("rekor.example.org", () => startMs);
  const trust = prepareTrust({ ...world.root, logs: [log.instance] });
  const unlogged = signerWith({
    services: { timestamps: world.services.timestamps, logs: [] },
    thresholds: { logs: 0 },
  });
  const signer: GitSigner = {
    signMessage: async (bytes) => {
      const bundle = await unlogged.signMessage(bytes);
      assert(bundle.content.kind === "message" && bundle.verificationMaterial.signer.kind === "certificate");
      const { leaf } = bundle.verificationMaterial.signer;
      const entry = await log.addMessage(bundle.content.signature, { kind: "certificate", der: leaf }, bytes);
      const material = { ...bundle.verificationMaterial, logEntries: [entry], timestamps: [] };
      return { ...bundle, verificationMaterial: material };
    },
    chain: () => [],
  };
  const text = utf8(await signGitObject(payload, signer, startMs));
  const verified = verify(text, trust);
  assert.deepEqual(
    verified.times.map(({ source }) => source),
    ["log"],
  );
  assert.equal(verified.logEntries[0]!.version, "0.0.1");
  refused("crypto/cms-signature", text, trust, utf8("another"));
});

test("an entry of Rekor v2 that is called 0.0.1, as gitsign calls it, is taken for what it is", async () => {
  const honest = signerWith();
  const signer: GitSigner = {
    signMessage: async (bytes) => {
      const bundle = await honest.signMessage(bytes);
      const material = bundle.verificationMaterial;
      const logEntries = material.logEntries.map((entry) => ({ ...entry, version: "0.0.1" }));
      return { ...bundle, verificationMaterial: { ...material, logEntries } };
    },
    chain: () => [],
  };
  const verified = verify(utf8(await signGitObject(payload, signer, startMs)));
  assert.equal(verified.logEntries[0]!.version, "0.0.2");
});

test("no signer, a second signer, and another's signature in the place of the signer's are refused", async () => {
  const other = parsePem(await signGitObject(utf8("another"), signerWith(), startMs), gitSignatureLabel)[0]!;
  const signersOf = (from: Uint8Array): Uint8Array[] => {
    let found: Uint8Array[] = [];
    rebuilt((parts) => (found = parts.signers), from);
    return found;
  };
  const second = signersOf(other)[0]!;
  refused(
    "crypto/cms-invalid",
    rebuilt((parts) => parts.signers.push(second)),
  );
  refused(
    "crypto/cms-invalid",
    rebuilt((parts) => parts.signers.unshift(second)),
  );
  refused(
    "crypto/cms-invalid",
    rebuilt((parts) => (parts.signers = [])),
  );
  refused(
    "crypto/cms-signer",
    rebuilt((parts) => (parts.signers = [second])),
  );
});

test("a message without certificates, or whose signer's is there twice, is refused", () => {
  refused(
    "crypto/cms-signer",
    rebuilt((parts) => (parts.certificates = [])),
  );
  refused(
    "crypto/cms-signer",
    rebuilt((parts) => parts.certificates.push(...parts.certificates)),
  );
});

test("signed attributes that are missing, of another content or of another type are refused", async () => {
  const without = rebuilt((parts) => {
    parts.signers = parts.signers.map((each) => signerWithElements(each, (elements) => elements.splice(3, 1)));
  });
  refused("crypto/cms-invalid", without);
  const hash = "sha256";
  const digestOnly = encodeAttribute(oids.messageDigest, der.octetString(new Uint8Array(32)));
  const typeOnly = encodeAttribute(oids.contentType, der.oid(oids.data));
  const cases: Readonly<Record<string, (content: Uint8Array) => Uint8Array>> = {
    "no content type": () => der.set(digestOnly),
    "no digest": () => der.set(typeOnly),
    "another digest": () => der.set(digestOnly, typeOnly),
    "another type": (content) => encodeSignedAttributes({ contentType: oids.tstInfo, content, hash }, []),
  };
  for (const attributes of Object.values(cases)) refused("crypto/cms-signature", await signedOver(attributes));
  const timeless = (content: Uint8Array) => encodeSignedAttributes({ contentType: oids.data, content, hash }, []);
  verify(await signedOver(timeless));
  const twice = await signedOver((content) =>
    encodeSignedAttributes({ contentType: oids.data, content, hash }, [typeOnly]),
  );
  refused("crypto/cms-invalid", twice);
});

test("content of its own, revocation lists, and another type or version of message are refused", () => {
  const own = der.sequence(der.oid(oids.data), der.explicit(0, der.octetString(payload)));
  refused(
    "crypto/cms-invalid",
    rebuilt((parts) => (parts.encapsulated = own)),
  );
  refused(
    "crypto/cms-invalid",
    rebuilt((parts) => (parts.encapsulated = der.sequence(der.oid(oids.tstInfo)))),
  );
  refused(
    "crypto/cms-invalid",
    rebuilt((parts) => (parts.version = der.integer(3))),
  );
  refused(
    "crypto/cms-invalid",
    rebuilt((parts) => parts.crls.push(der.implicit(1, der.sequence()))),
  );
  refused(
    "crypto/cms-invalid",
    rebuilt((parts) => (parts.algorithms = der.set())),
  );
});

test("unsigned attributes: none, one unknown, or one twice is refused", () => {
  const unsigned = (change: (attributes: Uint8Array[]) => Uint8Array[]): Uint8Array =>
    rebuilt((parts) => {
      parts.signers = parts.signers.map((each) =>
        signerWithElements(each, (elements) => {
          const attributes = readDer(elements[6]!, input, (reader) =>
            reader.context(1, (set) => set.list({ min: 0, max: 10 }, (item) => item.element().raw)),
          );
          const changed = change(attributes);
          if (changed.length === 0) elements.pop();
          else elements[6] = der.implicit(1, der.encode(derTag.set, ...changed));
        }),
      );
    });
  verify(unsigned((attributes) => attributes.toReversed()));
  refused(
    "sigstore/git-log-entry-missing",
    unsigned(() => []),
  );
  const stray = encodeAttribute("1.2.3.4", der.nullValue());
  refused(
    "sigstore/git-signature-invalid",
    unsigned((attributes) => [...attributes, stray]),
  );
  refused(
    "crypto/cms-invalid",
    unsigned((attributes) => [...attributes, attributes[0]!]),
  );
  const isEntry = (attribute: Uint8Array) => hex(attribute).includes(hex(der.oid(oids.transparencyLogEntry)));
  refused(
    "sigstore/git-log-entry-missing",
    unsigned((all) => all.filter((each) => !isEntry(each))),
  );
  refused(
    "sigstore/time-missing",
    unsigned(([...all]) => all.filter(isEntry)),
  );
});

test("a log entry and a timestamp of another signature by the same signer are refused", async () => {
  const options: SignOptions = {
    signer: newSigner("ecdsa-p256"),
    material: { kind: "certificate", chain: () => Promise.resolve(kept) },
    services: world.services,
    trust: world.trust,
  };
  const kept = await world.chain(options.signer);
  const signer: GitSigner = { signMessage: (bytes) => signMessage(bytes, options), chain: () => [] };
  const bundles: Bundle[] = [];
  const recording: GitSigner = {
    ...signer,
    signMessage: async (bytes) => {
      const bundle = await signer.signMessage(bytes);
      bundles.push(bundle);
      return bundle;
    },
  };
  await signGitObject(utf8("another"), recording, startMs);
  const [another] = bundles as [Bundle];
  for (const [part, code] of [
    ["logEntries", "sigstore/log-proof-invalid"],
    ["timestamps", "sigstore/timestamp-invalid"],
  ] as const) {
    const mixed: GitSigner = {
      ...signer,
      signMessage: async (bytes) => {
        const bundle = await signer.signMessage(bytes);
        const material = { ...bundle.verificationMaterial, [part]: another.verificationMaterial[part] };
        return { ...bundle, verificationMaterial: material };
      },
    };
    refused(code, utf8(await signGitObject(payload, mixed, startMs)));
  }
});

test("a certificate that had expired when the timestamp was made is refused, whatever the signer says of the time", async () => {
  const honest = signerWith();
  const signer: GitSigner = {
    signMessage: async (bytes) => {
      const bundle = await honest.signMessage(bytes);
      assert(bundle.content.kind === "message");
      const { now } = world;
      world.now = now + 60 * minuteMs;
      const timestamps = [await world.timestamp(bundle.content.signature)];
      world.now = now;
      return { ...bundle, verificationMaterial: { ...bundle.verificationMaterial, timestamps } };
    },
    chain: () => [],
  };
  refused("sigstore/certificate-untrusted", utf8(await signGitObject(payload, signer, startMs)));
});

test("a trust root without its log, its authority or its certificate log refuses the signature", async () => {
  const without = (change: Partial<TrustedRoot>) => prepareTrust({ ...world.root, ...change });
  const foreign = await newRekorLog("other.example.org", "other");
  refused("sigstore/log-threshold", armour, without({ logs: [foreign.instance] }));
  refused("sigstore/certificate-untrusted", armour, without({ certificateAuthorities: [] }));
  refused("sigstore/time-missing", armour, without({ timestampAuthorities: [] }));
  const another = await newInstance();
  refused("sigstore/sct-missing", armour, without({ ctLogs: another.root.ctLogs }));
  const expected = { ...identity, subjectAlternativeName: `${identity.subjectAlternativeName}x` };
  assert.throws(
    () => verifyGitSignature(payload, parseGitSignature(armour), { trust: world.trust, identity: expected }),
    (error) => isProblem(error, "sigstore/identity-mismatch"),
  );
});

test("no changed, inserted or removed byte makes another signature, and nothing but a Problem is thrown", () => {
  const facts = ({ signer, times, logEntries, content }: VerifiedBundle): string => {
    assert(signer.kind === "identity" && content.kind === "message");
    const { raw } = signer.certificate;
    const places = logEntries.map(({ logId, logIndex, version }) => `${hex(logId)} ${logIndex} ${version}`);
    return [hex(raw), times.map(({ atMs }) => atMs), places, hex(content.digest)].join("|");
  };
  const wanted = facts(verify(armour));
  const verifies = (changed: Uint8Array): boolean => {
    let verified: VerifiedBundle;
    try {
      verified = verify(armoured(changed));
    } catch (error) {
      if (!isProblem(error)) throw error;
      return false;
    }
    assert.equal(facts(verified), wanted);
    return true;
  };
  let same = 0;
  for (let at = 0; at < message.length; at++) {
    const changed = message.slice();
    changed[at] = (changed[at]! + 1 + ((at * 7) % 255)) & 0xff;
    if (verifies(changed)) same++;
  }
  // What nobody signed and nothing rests on: the certificates above the signer's, which the trust root has.
  const above = parseGitSignature(armour).signedData.certificates.filter((each) => {
    const { basicConstraints } = parseCertificate(each);
    return basicConstraints?.ca === true;
  });
  const loose = above.reduce((sum, each) => sum + each.length, 0);
  assert(same <= loose + 300, `${same} changed bytes of ${message.length} make no difference`);
  fc.assert(
    fc.property(fc.nat(message.length - 1), fc.nat(255), fc.boolean(), (at, byte, insert) => {
      const between = insert ? [Uint8Array.of(byte)] : [];
      verifies(concat(message.slice(0, at), ...between, message.slice(insert ? at : at + 1)));
    }),
    { numRuns: 500 },
  );
});

test("another scheme, a key alone, or a statement cannot be a signature of git", async () => {
  const bytes = encodeSignedAttributes({ contentType: oids.data, content: payload, hash: "sha256" }, []);
  const bundle = await signerWith().signMessage(bytes);
  const unsupported = (changed: Bundle): void =>
    void assert.throws(
      () => encodeGitSignature(changed, bytes, []),
      (error) => isProblem(error, "sigstore/signer-unsupported"),
    );
  const material = bundle.verificationMaterial;
  unsupported({ ...bundle, verificationMaterial: { ...material, signer: { kind: "publicKey", hint: "" } } });
  const envelope = { payloadType: "t", payload: bytes, signatures: [{ keyid: "", sig: bytes }] };
  unsupported({ ...bundle, content: { kind: "dsse", envelope } });
  const p384 = await signerWith({ signer: newSigner("ecdsa-p384") }).signMessage(bytes);
  unsupported(p384);
  const leaf = parseCertificate((await world.chain(newSigner("ecdsa-p256")))[0]!);
  const none = encodeDetachedSignedData({
    certificate: leaf,
    certificates: [leaf.raw],
    hash: "sha256",
    scheme: "ecdsa-p256-sha256",
    signedBytes: bytes,
    signature: new Uint8Array(70),
    unsignedAttributes: [],
  });
  refused("crypto/cms-signature", armoured(none));
});
