// What this program reads of git's configuration, section `sealwright`: git starts `gpg.x509.program` with gpg's
// arguments and nothing else, so that all the rest has to be said there. A key that is not known is refused: it may be
// what somebody relies on.

import { Problem } from "../core/index.ts";
import type { ExpectedIdentity } from "../sigstore/index.ts";

export interface GitSettings {
  readonly dir: string | undefined;
  readonly root: string | undefined;
  readonly mirror: string | undefined;
  readonly trustedRoot: string | undefined;
  readonly signingConfig: string | undefined;
  /** Who may have signed; none means that nobody was named, not that anybody may. */
  readonly signers: readonly ExpectedIdentity[];
}

const single = new Set(["dir", "root", "mirror", "trustedroot", "signingconfig"]);

/** Of the section's values by key. Problem `cli/git-config`. */
export function readGitSettings(values: ReadonlyMap<string, readonly string[]>): GitSettings {
  const unknown = [...values.keys()].find((key) => !single.has(key) && key !== "signer");
  if (unknown !== undefined)
    throw new Problem("cli/git-config", `git's configuration has sealwright.${unknown}, which means nothing`);
  // As git has it for settings of one value: the last one counts.
  const last = (key: string): string | undefined => values.get(key)?.at(-1);
  return {
    dir: last("dir"),
    root: last("root"),
    mirror: last("mirror"),
    trustedRoot: last("trustedroot"),
    signingConfig: last("signingconfig"),
    signers: (values.get("signer") ?? []).map(signer),
  };
}

/** `IDENTITY ISSUER`, both exact; the issuer is a URL, so that it begins at the last space. */
function signer(text: string): ExpectedIdentity {
  const match = /^(\S.*) (\S+)$/.exec(text);
  if (match === null)
    throw new Problem("cli/git-config", "sealwright.signer is not an identity, a space and its issuer", {
      hint: 'git config --add sealwright.signer "jo@example.com https://accounts.example.com"',
    });
  return { subjectAlternativeName: match[1] as string, issuer: match[2] as string };
}
