// An image by the text that a person writes: in a registry, or in a folder with an OCI image layout as `oci:PATH`.

import { Problem } from "../core/index.ts";
import { registryCredentials } from "./oci-credentials.ts";
import { openLayout } from "./oci-layout.ts";
import { ociDigestForm, ociRepositoryName, parseOciReference } from "./oci-reference.ts";
import { openRegistryRepository, type OciRepository } from "./oci-repository.ts";
import { createRegistryTransport } from "./oci-transport.ts";

export interface OciImage {
  readonly repository: OciRepository;
  /** Digest or tag to ask for. A digest decides where both are given. */
  readonly reference: string;
  readonly tag: string | undefined;
  /** The repository's name without tag and digest. */
  readonly name: string;
}

const layoutScheme = "oci:";
const subjectless = "give its tag, as in oci:FOLDER:TAG";

/** True for a text that can only mean an image: `oci:…`, or one whose first part is a host. */
export function isImageName(text: string): boolean {
  if (text.startsWith(layoutScheme) || ociDigestForm.test(text.split("@")[1] ?? "")) return true;
  const [first = "", ...rest] = text.split("/");
  return rest.length > 0 && (/[.:]/.test(first) || first === "localhost") && !/^\.{0,2}$/.test(first);
}

/** `create` makes an empty layout where there is none. Problems `io/image-name`, `io/image-layout`, `io/image-missing`. */
export async function openImage(text: string, options: { readonly create?: boolean } = {}): Promise<OciImage> {
  if (text.startsWith(layoutScheme)) return openLayoutImage(text.slice(layoutScheme.length), options);
  const parsed = parseOciReference(text);
  const { registry, tag, digest } = parsed;
  const repository = openRegistryRepository(
    parsed,
    createRegistryTransport(registry, () => registryCredentials(registry)),
  );
  return { repository, reference: digest ?? tag ?? "latest", tag, name: ociRepositoryName(parsed) };
}

async function openLayoutImage(text: string, options: { readonly create?: boolean }): Promise<OciImage> {
  const [place = "", digest] = text.split("@");
  if (digest !== undefined && !ociDigestForm.test(digest))
    throw new Problem("io/image-name", "a digest is sha256: and 64 hexadecimal digits");
  const colon = place.indexOf(":", place.lastIndexOf("/") + 1);
  const folder = colon < 0 ? place : place.slice(0, colon);
  const tag = colon < 0 ? undefined : place.slice(colon + 1);
  if (folder === "" || tag === "") throw new Problem("io/image-name", "a layout is oci:FOLDER or oci:FOLDER:TAG");
  const repository = await openLayout(folder, options);
  const reference = digest ?? tag;
  if (reference !== undefined) return { repository, reference, tag, name: `${layoutScheme}${folder}` };
  // The one image that is there; what refers to others is none.
  const images = new Set<string>();
  for (const each of await repository.listed()) {
    const manifest = await repository.manifest(each.digest);
    if (manifest !== undefined && manifest.json["subject"] === undefined) images.add(manifest.digest);
  }
  const [only, ...others] = images;
  if (others.length > 0)
    throw new Problem("io/image-name", `${folder} holds ${images.size} images`, { hint: subjectless });
  return { repository, reference: only ?? "latest", tag, name: `${layoutScheme}${folder}` };
}
