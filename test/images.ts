// Small images for tests, and signing at an instance's own services.

import { createSigningClients } from "../src/api/index.ts";
import type { JsonObject } from "../src/core/index.ts";
import { utf8 } from "../src/core/index.ts";
import { generateKey, randomBytes } from "../src/crypto/index.ts";
import { openSigning, type Signing, type SigningMaterial } from "../src/flows/index.ts";
import { type OciDescriptor, ociMediaTypes, type OciRepository, request } from "../src/io/index.ts";
import { parseSigningConfig } from "../src/sigstore/index.ts";
import type { RunningInstance } from "./instance.ts";

const configType = "application/vnd.oci.image.config.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar";

/** An image of one layer with this text in it. */
export async function putImage(repository: OciRepository, text: string, tag?: string): Promise<OciDescriptor> {
  const layer = await repository.putBlob(utf8(text), layerType);
  const config = await repository.putBlob(
    utf8(JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [layer.digest] } })),
    configType,
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: ociMediaTypes.manifest,
    config: { ...config },
    layers: [{ ...layer }],
  };
  return repository.putManifest(manifest as unknown as JsonObject, tag);
}

/** An index of two images. */
export async function putIndex(
  repository: OciRepository,
  text: string,
  tag: string,
): Promise<readonly OciDescriptor[]> {
  const parts = [await putImage(repository, `${text} amd64`), await putImage(repository, `${text} arm64`)];
  const platforms = ["amd64", "arm64"].map((architecture) => ({ architecture, os: "linux" }));
  const manifests = parts.map((part, at) => ({ ...part, platform: platforms[at]! }));
  const index = { schemaVersion: 2, mediaType: ociMediaTypes.index, manifests };
  return [await repository.putManifest(index as unknown as JsonObject, tag), ...parts];
}

/** Signing at the instance's services by its own signing config, as the project's build unless told otherwise. */
export async function signingAt(
  instance: RunningInstance,
  material: SigningMaterial = { kind: "identity", token: () => instance.token() },
): Promise<Signing> {
  return openSigning({
    config: parseSigningConfig(await instance.target("signing_config.v0.2.json")),
    trust: instance.trust,
    material,
    clients: createSigningClients({ transport: request, wait: async () => undefined }),
    random: { bytes: randomBytes, key: generateKey },
    now: Date.now(),
  });
}
