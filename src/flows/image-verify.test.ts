import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { type JsonObject, Problem, utf8 } from "../core/index.ts";
import { openLayout, type OciRepository } from "../io/index.ts";
import { bundleMediaType, encodeBundle } from "../sigstore/index.ts";
import { putImage, signingAt } from "../../test/images.ts";
import { type RunningInstance, startInstance } from "../../test/instance.ts";
import {
  attachBundle,
  attestImage,
  copyImage,
  demandManifest,
  type ImageExpectation,
  type ImageRepository,
  imageTree,
  maxImageEvidence,
  signImage,
  verifyImage,
} from "./index.ts";

let instance: RunningInstance;
before(async () => {
  instance = await startInstance();
});
after(() => instance.close());

async function layout(t: TestContext): Promise<OciRepository> {
  const folder = await mkdtemp(join(tmpdir(), "sealwright-image-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return openLayout(folder, { create: true });
}

async function signedImage(t: TestContext) {
  const repository = await layout(t);
  const { digest } = await putImage(repository, "widget", "1.0");
  const signing = await signingAt(instance);
  const image = { repository, reference: "1.0", name: "registry.example/app" };
  const [signed] = await signImage(image, { signing, now: Date.now() });
  return { repository, digest, signing, image, signed: signed! };
}

function expected(more: Partial<ImageExpectation> = {}): ImageExpectation {
  const identity = { issuer: instance.url, subjectAlternativeName: instance.identity };
  return { trust: instance.trust, signer: { identity }, ...more };
}

/** The same repository, one of its questions answered otherwise. */
function changed(repository: ImageRepository, change: Partial<ImageRepository>): ImageRepository {
  const { manifest, blob, putBlob, putManifest, referrers } = repository;
  return { manifest, blob, putBlob, putManifest, referrers, ...change };
}

test("a registry that does not answer is never a registry without signatures", async (t) => {
  const { repository, digest } = await signedImage(t);
  const busy = async (): Promise<never> => {
    throw new Problem("io/registry-status", "429");
  };
  const legacyOnly = async (reference: string) =>
    reference.endsWith(".sig") ? busy() : repository.manifest(reference);
  for (const change of [{ referrers: busy }, { blob: busy }, { manifest: busy }, { manifest: legacyOnly }]) {
    await assert.rejects(verifyImage(changed(repository, change), digest, expected()), { code: "io/registry-status" });
  }
});

test("evidence that was made for another image is refused wherever it is put", async (t) => {
  const { repository, signed } = await signedImage(t);
  const other = await putImage(repository, "gadget", "2.0");
  await attachBundle(repository, await demandManifest(repository, other.digest), signed.bundle, undefined, Date.now());
  await assert.rejects(verifyImage(repository, "2.0", expected()), /sigstore\/subject-mismatch/);
  // A list that names a manifest which refers to something else.
  const [listed] = await repository.referrers(signed.digest);
  const lying = changed(repository, { referrers: async () => [listed!] });
  await assert.rejects(verifyImage(lying, "2.0", expected()), /image\/subject-mismatch/);
});

test("one piece of evidence that holds is enough, and what does not hold is named", async (t) => {
  const { repository, digest } = await signedImage(t);
  const manifest = await demandManifest(repository, digest);
  const config = await repository.putBlob(utf8("{}"), "application/vnd.oci.empty.v1+json");
  const broken = await repository.putBlob(utf8("{}"), bundleMediaType);
  const subject = { mediaType: manifest.mediaType, digest, size: manifest.bytes.length };
  const about = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactType: bundleMediaType,
  };
  for (const layers of [[broken], [], [broken, broken]]) {
    await repository.putManifest({ ...about, config, layers, subject } as unknown as JsonObject);
  }
  const { held, refused } = await verifyImage(repository, digest, expected());
  assert.equal(held.length, 1);
  assert.deepEqual(refused.map(({ code }) => code).sort(), [
    "image/manifest-invalid",
    "image/manifest-invalid",
    "sigstore/bundle-invalid",
  ]);
});

test("evidence is bounded in number and in size before it is read", async (t) => {
  const { repository, digest, signed } = await signedImage(t);
  const [good] = await repository.referrers(digest);
  const manifest = await repository.manifest(good!.digest);
  const layer = { ...(manifest!.json["layers"] as readonly JsonObject[])[0]!, size: 1024 ** 4 };
  const huge = { ...manifest!, json: { ...manifest!.json, layers: [layer] } };
  let blobs = 0;
  const large = changed(repository, {
    manifest: async (reference) => (reference === good!.digest ? huge : repository.manifest(reference)),
    blob: async (descriptor) => (blobs++, repository.blob(descriptor)),
  });
  await assert.rejects(verifyImage(large, digest, expected()), /image\/too-large/);
  const layers = Array.from({ length: 100_000 }, () => layer);
  const wide = changed(repository, {
    manifest: async (reference) =>
      reference === good!.digest ? { ...huge, json: { ...huge.json, layers } } : repository.manifest(reference),
  });
  await assert.rejects(verifyImage(wide, digest, expected()), /image\/manifest-invalid/);
  assert.equal(blobs, 0);
  // Each is looked at, the last first, up to the bound, and the one that would hold comes too late.
  const foreign = { ...good!, digest: `sha256:${"0".repeat(64)}` };
  const other = {
    ...(await demandManifest(repository, good!.digest)),
    json: { ...manifest!.json, subject: undefined },
  };
  const many = changed(repository, {
    referrers: async () => [good!, ...Array.from({ length: maxImageEvidence }, () => foreign)],
    manifest: async (reference) =>
      reference === foreign.digest ? (other as unknown as typeof manifest) : repository.manifest(reference),
  });
  await assert.rejects(verifyImage(many, digest, expected()), { code: "image/too-much-evidence" });
  assert.equal(signed.digest, digest);
});

test("an attestation of another type than asked for counts for nothing, and none is no signature", async (t) => {
  const { repository, image, signing, digest } = await signedImage(t);
  const spdx = "https://spdx.dev/Document";
  await assert.rejects(verifyImage(repository, digest, expected({ predicateType: spdx })), {
    code: "image/no-signature",
  });
  await attestImage(image, { predicateType: "https://example.com/other", predicate: {} }, { signing, now: Date.now() });
  await assert.rejects(verifyImage(repository, digest, expected({ predicateType: spdx })), {
    code: "image/no-signature",
  });
  // Where the list hides the type, the statement itself says it.
  const silent = changed(repository, {
    referrers: async (of) => (await repository.referrers(of)).map((each) => ({ ...each, annotations: {} })),
  });
  await assert.rejects(verifyImage(silent, digest, expected({ predicateType: spdx })), /predicate-type-mismatch/);
});

test("cosign's older tags are not written where they could not hold the log's entry", async (t) => {
  const { repository, image, signing, digest } = await signedImage(t);
  const legacy = { signing, now: Date.now(), legacy: true };
  await assert.rejects(signImage(image, legacy), { code: "image/legacy-log" });
  assert.equal(await repository.manifest(`${digest.replace(":", "-")}.sig`), undefined);
});

test("an image that is not there is said to be missing", async (t) => {
  const repository = await layout(t);
  await assert.rejects(verifyImage(repository, "1.0", expected()), { code: "image/not-found" });
  await assert.rejects(imageTree(repository, "1.0"), { code: "image/not-found" });
});

test("a copy has everything beside the image, and a blob that changed on the way is not there afterwards", async (t) => {
  const { repository, digest, signed } = await signedImage(t);
  const target = await layout(t);
  await copyImage({ repository, reference: "1.0" }, target, "1.0");
  assert.deepEqual((await verifyImage(target, "1.0", expected())).digest, digest);
  const bundle = encodeBundle(signed.bundle);
  const lying: OciRepository = {
    ...repository,
    openBlob: async (descriptor) => {
      const pieces = await repository.openBlob(descriptor);
      return (async function* () {
        for await (const piece of pieces) yield piece.length === bundle.length ? piece.map((byte) => byte ^ 1) : piece;
      })();
    },
  };
  const elsewhere = await layout(t);
  await assert.rejects(copyImage({ repository: lying, reference: "1.0" }, elsewhere, "1.0"), {
    code: "io/image-digest",
  });
  await assert.rejects(verifyImage(elsewhere, "1.0", expected()), { code: "image/no-signature" });
});
