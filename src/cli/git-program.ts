// `git` and its verbs' options. What each does is in its own file; this one only reads the arguments.

import { type Command, Option } from "commander";
import type { TrustOptions } from "./program.ts";

export interface GitOptions extends TrustOptions {
  readonly certificateIdentity?: string;
  readonly certificateOidcIssuer?: string;
  readonly trustedRoot?: string;
}

/** What main does for one of these verbs, by its name. */
export interface GitVerbs {
  git(verb: string, args: readonly string[], options: GitOptions): Promise<void>;
}

function addVerifyOptions(command: Command): Command {
  return command
    .option("--certificate-identity <identity>", "exact identity of the signer (default: git's sealwright.signer)")
    .option("--certificate-oidc-issuer <url>", "exact issuer of that identity")
    .option("--trusted-root <file>", "Sigstore trusted root instead of TUF")
    .addOption(
      new Option("--root <file>", "TUF root to start from (default: the organisation's own)").env("SEALWRIGHT_ROOT"),
    )
    .addOption(new Option("--mirror <url>", "TUF repository: an address or a folder").env("SEALWRIGHT_MIRROR"));
}

/** Adds `git` with its three verbs. */
export function addGitVerbs(program: Command, verbs: GitVerbs): void {
  const git = program.command("git").description("sign commits and tags as git asks, and verify them");
  git
    .command("sign")
    .description("what git starts as gpg.x509.program: sign standard input, or with --verify check it")
    .argument("<arguments...>", "gpg's, after --: --status-fd=2 -bsau KEY, or --status-fd=1 --verify FILE -")
    .action((args: string[], _options, command: Command) =>
      verbs.git("sign", args, command.optsWithGlobals<GitOptions>()),
    );
  addVerifyOptions(git.command("verify"))
    .description("verify a commit's signature by its own log entry and timestamp")
    .argument("[revision]", "the commit", "HEAD")
    .action((revision: string, _options, command: Command) =>
      verbs.git("verify", [revision], command.optsWithGlobals<GitOptions>()),
    );
  addVerifyOptions(git.command("verify-tag"))
    .description("verify a tag's signature, and that it is the tag of that name")
    .argument("<tag>", "its name, or its object's")
    .action((tag: string, _options, command: Command) =>
      verbs.git("verify-tag", [tag], command.optsWithGlobals<GitOptions>()),
    );
}
