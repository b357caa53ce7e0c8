// Names of images: `[registry/]repository[:tag][@digest]`, as the distribution project's grammar has it and every client
// writes it. OCI distribution specification 1.1 "Pulling manifests" gives the bounds of repository and tag.

import { Problem } from "../core/index.ts";

export interface OciReference {
  /** Host and port to speak to. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:<hex>`. */
  readonly digest: string | undefined;
}

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const repositoryForm = new RegExp(`^${component}(?:/${component})*$`);
const tagForm = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const hostForm = /^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
export const ociDigestForm = /^sha256:[0-9a-f]{64}$/;
const maxRepositoryLength = 255;

/** Without a registry it is Docker Hub's, as everywhere; without tag and digest the tag is `latest`. Problem `io/image-name`. */
export function parseOciReference(text: string): OciReference {
  const invalid = (what: string): Problem =>
    new Problem("io/image-name", `${JSON.stringify(text.slice(0, 300))} is no image name: ${what}`, {
      hint: "it is like registry.example.com/team/app:1.0 or registry.example.com/team/app@sha256:…",
    });
  const [named = "", digest, ...more] = text.split("@");
  if (more.length > 0) throw invalid("it has more than one @");
  if (digest !== undefined && !ociDigestForm.test(digest))
    throw invalid("a digest is sha256: and 64 hexadecimal digits");
  const slash = named.indexOf("/");
  const first = named.slice(0, Math.max(slash, 0));
  const hasRegistry = slash > 0 && (/[.:]/.test(first) || first === "localhost");
  const registry = hasRegistry ? first : "docker.io";
  if (!hostForm.test(registry)) throw invalid("the registry is no host name");
  const rest = hasRegistry ? named.slice(slash + 1) : named;
  const colon = rest.lastIndexOf(":");
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  const repository = colon < 0 ? rest : rest.slice(0, colon);
  if (tag !== undefined && !tagForm.test(tag)) throw invalid("the tag has characters that no tag has");
  if (!repositoryForm.test(repository) || repository.length > maxRepositoryLength) {
    throw invalid("a repository is lower-case letters, digits and . _ - between slashes");
  }
  const isHub = registry === "docker.io" || registry === "index.docker.io";
  return {
    registry: isHub ? "registry-1.docker.io" : registry,
    repository: isHub && !repository.includes("/") ? `library/${repository}` : repository,
    tag: tag ?? (digest === undefined ? "latest" : undefined),
    digest,
  };
}

/** The name without tag and digest. */
export function ociRepositoryName({ registry, repository }: OciReference): string {
  return `${registry}/${repository}`;
}
