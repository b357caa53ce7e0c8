// `git verify` and `git verify-tag` on a terminal: one object, one exact identity, git's own bytes.

import { formatUtcSeconds, hex, Problem } from "../core/index.ts";
import { type GitObject, type GitVerified, verifyGitObject } from "../flows/index.ts";
import type { ExpectedIdentity, Trust } from "../sigstore/index.ts";
import type { GitOptions } from "./git-program.ts";
import type { GitSettings } from "./git-settings.ts";
import type { ExitCode, Output } from "./output.ts";

export interface GitVerbWorld {
  settings(): Promise<GitSettings>;
  trust(options: GitOptions, settings: GitSettings): Promise<Trust>;
  readObject(revision: string, type: "commit" | "tag"): Promise<GitObject>;
}

/** `verify` or `verify-tag`. 0, or a Problem that says why not. */
export async function gitVerb(
  name: string,
  revision: string,
  { options, world, out }: { readonly options: GitOptions; readonly world: GitVerbWorld; readonly out: Output },
): Promise<ExitCode> {
  const settings = await world.settings();
  const identity = expectedOf(options, settings);
  const trust = await world.trust(options, settings);
  if (name !== "verify-tag") {
    const object = await world.readObject(revision, "commit");
    return reportObject(revision, object, verifyGitObject(object, { trust, identity }), out);
  }
  // By its name it must be the tag of that name; by its object's name it is that object whatever it calls itself.
  const byObject = /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(revision);
  const tagName = byObject ? undefined : revision.replace(/^refs\/tags\//, "");
  const object = await world.readObject(tagName === undefined ? revision : `refs/tags/${tagName}`, "tag");
  return reportObject(revision, object, verifyGitObject(object, { trust, identity, tagName }), out);
}

/** From the command line, or from git's configuration. Problem `cli/usage` for neither: never anybody. */
function expectedOf(
  { certificateIdentity: subjectAlternativeName, certificateOidcIssuer: issuer }: GitOptions,
  { signers }: GitSettings,
): readonly [ExpectedIdentity, ...ExpectedIdentity[]] {
  if (subjectAlternativeName !== undefined && issuer !== undefined) return [{ subjectAlternativeName, issuer }];
  if (subjectAlternativeName !== undefined || issuer !== undefined) {
    throw new Problem(
      "cli/usage",
      "an identity means something only with its issuer: give --certificate-identity and --certificate-oidc-issuer",
    );
  }
  const [first, ...others] = signers;
  if (first === undefined) {
    throw new Problem("cli/usage", "nobody is expected to have signed it", {
      hint: "give --certificate-identity and --certificate-oidc-issuer, or git config --add sealwright.signer",
    });
  }
  return [first, ...others];
}

function reportObject(revision: string, object: GitObject, { verified, identity }: GitVerified, out: Output): ExitCode {
  const times = verified.times.map(({ atMs, source }) => `${formatUtcSeconds(atMs)} (${source})`);
  const log = verified.logEntries.map(
    ({ baseUrl, logIndex, logId }) => `${baseUrl} entry ${logIndex} (${hex(logId).slice(0, 8)})`,
  );
  out.line(`${out.style("verified", "green")} ${object.type} ${object.name}`);
  out.line(`  signer  ${identity.subjectAlternativeName}`);
  out.line(`  issuer  ${identity.issuer}`);
  out.line(`  time    ${times.join(", ")}`);
  out.line(`  log     ${log.join(", ") || "none"}`);
  const { name, type } = object;
  const { issuer, subjectAlternativeName } = identity;
  out.document({ verified: true, revision, object: name, type, identity: subjectAlternativeName, issuer, times, log });
  return 0;
}
