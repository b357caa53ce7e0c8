// The source of a build: the resolved dependency that corresponds to the source repository and holds its commit
// (SLSA v1.2 spec/build-provenance, BuildDefinition). URIs are SPDX download locations: `git+https://host/path@ref`.
// Repositories are compared as text, after a leading `git+`: another spelling is another repository.

import { isJsonObject, Problem, type Json } from "../core/index.ts";
import type { BuildDefinition, Source, SourceExpectation } from "./model.ts";

function withoutScheme(uri: string): string {
  return uri.startsWith("git+") ? uri.slice(4) : uri;
}

/** The ref behind a repository's URI, empty when there is none; undefined when the URI is of another repository. */
function refIn(uri: string, repository: string): string | undefined {
  const bare = withoutScheme(uri);
  if (bare === repository) return "";
  return bare.startsWith(`${repository}@`) ? bare.slice(repository.length + 1) : undefined;
}

function mismatch(what: string): Problem {
  return new Problem("slsa/source-mismatch", what);
}

/** The source, when it is the expected one. Problem `slsa/source-mismatch`. */
export function expectedSource(definition: BuildDefinition, expected: SourceExpectation): Source {
  const repository = withoutScheme(expected.repository);
  const asked = expected.parameter === undefined ? undefined : sourceParameter(definition, expected.parameter);
  const askedRef = asked === undefined ? "" : refIn(asked, repository);
  if (askedRef === undefined) throw mismatch(`the build was asked for ${asked}, not for ${repository}`);
  const git = definition.resolvedDependencies.flatMap(({ uri, digest }) => {
    const gitCommit = digest?.get("gitCommit");
    return uri === undefined || gitCommit === undefined ? [] : [{ gitCommit, ref: refIn(uri, repository) }];
  });
  const found = git.filter((each) => each.ref !== undefined);
  const [source] = found;
  if (source === undefined) throw mismatch(`no resolved dependency is a commit of ${repository}`);
  // With nothing to say which repository is the source, another one could be it and the expected one a decoy.
  const alone = asked !== undefined || found.length === git.length;
  if (!alone || found.some((each) => each.gitCommit !== source.gitCommit)) {
    throw mismatch("the resolved dependencies leave open which commit is the source");
  }
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(source.gitCommit)) throw mismatch("the source has no valid git commit");
  const refs = [...found.map((each) => each.ref), askedRef].filter((ref) => ref !== undefined && ref !== "");
  if (expected.ref !== undefined && (refs.length === 0 || refs.some((ref) => ref !== expected.ref))) {
    throw mismatch(`the source is at ${refs.join(", ") || "no known ref"}, not at ${expected.ref}`);
  }
  return { uri: repository, ref: refs[0], gitCommit: source.gitCommit };
}

/** The parameter is a URI, or a descriptor that has one. */
function sourceParameter(definition: BuildDefinition, path: readonly string[]): string {
  let value: Json | undefined = definition.externalParameters;
  for (const name of path) value = isJsonObject(value) ? value[name] : undefined;
  const uri = isJsonObject(value) ? value["uri"] : value;
  if (typeof uri !== "string") throw mismatch(`external parameter ${path.join(".")} names no source`);
  return uri;
}
