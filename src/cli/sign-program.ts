// `sign`, `attest`, `tree`, `copy` and their options. What each verb does is in its own file; this one only reads the
// arguments.

import { type Command, InvalidArgumentError, Option } from "commander";
import type { TrustOptions } from "./program.ts";

export interface SignOptions extends TrustOptions {
  readonly bundle?: string;
  readonly key?: string;
  readonly identityToken?: string;
  readonly login?: "browser" | "device";
  readonly oidcIssuer?: string;
  readonly oidcClientId: string;
  readonly signingConfig?: string;
  readonly trustedRoot?: string;
  readonly recursive?: boolean;
  readonly legacy?: boolean;
  readonly annotation: ReadonlyMap<string, string>;
  readonly predicate?: string;
  readonly type?: string;
}

/** What main does for one of these verbs, by its name. */
export interface SignVerbs {
  signing(verb: string, args: readonly string[], options: SignOptions): Promise<void>;
}

function pairs(text: string, before: ReadonlyMap<string, string>): Map<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("it must be NAME=VALUE.");
  return new Map([...before, [text.slice(0, at), text.slice(at + 1)]]);
}

function addSigningOptions(command: Command): Command {
  return command
    .option(
      "--bundle <file>",
      "where the bundle goes (default: FILE.sigstore.json, FILE.attestation.sigstore.json; of an image, beside it)",
    )
    .option("--key <key>", "sign with a kept key: a PEM file, pkcs11:..., vault://...; without it, as an identity")
    .option("--identity-token <token>", "identity token, or a file that holds it (default: that of the surroundings)")
    .addOption(
      new Option("--login <how>", "log in, even where nobody sits at a terminal").choices(["browser", "device"]),
    )
    .option("--oidc-issuer <url>", "where to log in (default: the signing config's)")
    .option("--oidc-client-id <id>", "as which client", "sigstore")
    .option("--signing-config <file>", "Sigstore signing config instead of TUF's; goes with --trusted-root")
    .option("--trusted-root <file>", "Sigstore trusted root instead of TUF's; goes with --signing-config")
    .addOption(
      new Option("--root <file>", "TUF root to start from (default: the organisation's own)").env("SEALWRIGHT_ROOT"),
    )
    .addOption(new Option("--mirror <url>", "TUF repository: an address or a folder").env("SEALWRIGHT_MIRROR"))
    .option("-r, --recursive", "of an image for several platforms, each platform's too")
    .option("--legacy", "of an image, cosign's older tags instead of a bundle");
}

/** Adds the four verbs. */
export function addSignVerbs(program: Command, verbs: SignVerbs): void {
  const act =
    (name: string) =>
    (...args: unknown[]): Promise<void> => {
      const command = args.at(-1) as Command;
      const given = args.slice(0, -2).filter((each): each is string => typeof each === "string");
      return verbs.signing(name, given, command.optsWithGlobals<SignOptions>());
    };
  const images = "REGISTRY/NAME:TAG, or oci:FOLDER:TAG";
  addSigningOptions(program.command("sign"))
    .description("sign a file, a folder or an image: certificate, timestamp and log entry in one bundle")
    .argument("<artifact>", `a file, a folder, or an image as ${images}`)
    .addOption(
      new Option("-a, --annotation <name=value>", "state this too; of images; may be repeated")
        .argParser(pairs)
        .default(new Map(), "none"),
    )
    .action(act("sign"));
  addSigningOptions(program.command("attest"))
    .description("sign what is stated about a file, a folder or an image")
    .argument("<artifact>", `a file, a folder, or an image as ${images}`)
    .requiredOption("--predicate <file>", "what is stated, as JSON")
    .requiredOption("--type <type>", "its type: a URI, or cosign's short name such as spdxjson or slsaprovenance1")
    .action(act("attest"));
  program
    .command("tree")
    .description("list what there is beside an image: signatures, attestations, SBOMs")
    .argument("<image>", images)
    .action(act("tree"));
  program
    .command("copy")
    .description("copy an image with everything beside it, for every platform")
    .argument("<from>", images)
    .argument("<to>", images)
    .action(act("copy"));
}
