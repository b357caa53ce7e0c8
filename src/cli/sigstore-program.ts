// `bundle` and `trust` with their sub-verbs, and the options of `verify` that go beyond a plain answer. What each verb
// does is in its own file; this one only reads the arguments.

import { type Command, InvalidArgumentError, Option } from "commander";
import type { TrustOptions, VerifyOptions } from "./program.ts";

/** Options of `verify` for bundles. */
export interface BundleVerifyOptions extends VerifyOptions {
  readonly explain?: boolean;
  readonly certificateIdentityPattern?: string;
  readonly certificateOidcIssuerPattern?: string;
  readonly trustConfig?: string;
  readonly witnessPolicy?: string;
  readonly logs?: number;
  readonly scts?: number;
  readonly timestamps?: number;
}

export interface BundleOptions extends BundleVerifyOptions {
  readonly artifact?: string;
  readonly out?: string;
  readonly signature?: string;
  readonly certificate?: string;
  readonly chain?: string;
  readonly rekorBundle?: string;
  readonly proof?: readonly string[];
}

export interface TrustRootOptions extends TrustOptions {
  readonly base?: string;
  readonly out?: string;
  readonly ca?: readonly string[];
  readonly log?: readonly string[];
  readonly ctLog?: readonly string[];
  readonly tsa?: readonly string[];
  readonly rehearse?: boolean;
  readonly from?: string;
  readonly bundles?: string;
  readonly key?: readonly string[];
}

/** What main does for a sub-verb, by its name. */
export interface SigstoreVerbs {
  bundle(verb: string, args: readonly string[], options: BundleOptions): Promise<void>;
  trust(verb: string, args: readonly string[], options: TrustRootOptions): Promise<void>;
}

function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

function count(text: string): number {
  if (!/^\d{1,2}$/.test(text)) throw new InvalidArgumentError("it must be a number from 0 to 32.");
  return Number(text);
}

const many = (flags: string, description: string): Option => new Option(flags, description).argParser(collect);
const number = (flags: string, description: string): Option => new Option(flags, description).argParser(count);

/** Adds to `verify` what it can be asked beside the usual. */
export function addBundleVerifyOptions(command: Command): Command {
  return command
    .option("--explain", "say every step and what it found")
    .option("--certificate-identity-pattern <pattern>", "instead of an identity: * within a segment, ** for anything")
    .option("--certificate-oidc-issuer-pattern <pattern>", "instead of an issuer; its host must be written out")
    .option("--trust-config <file>", "Sigstore client trust config instead of TUF")
    .option("--witness-policy <file>", "C2SP tlog-policy: the quorum that must have cosigned the log's checkpoint")
    .addOption(number("--logs <n>", "how many operators' logs must hold it (default: 1 where there are any)"))
    .addOption(number("--scts <n>", "how many operators' CT logs must vouch for the certificate (default: as --logs)"))
    .addOption(number("--timestamps <n>", "how many operators' timestamps it must have (default: 0)"));
}

function addSigner(command: Command): Command {
  return addBundleVerifyOptions(command)
    .option("--certificate-identity <identity>", "exact identity of the signer")
    .option("--certificate-oidc-issuer <url>", "exact issuer of that identity")
    .option("--key <file>", "public key in PEM instead of an identity")
    .option("--trusted-root <file>", "Sigstore trusted root instead of TUF")
    .option("--type <uri>", "predicate type that an attestation must have")
    .addOption(new Option("--root <file>", "TUF root to start from").env("SEALWRIGHT_ROOT"))
    .addOption(new Option("--mirror <url>", "TUF repository: an address or a folder").env("SEALWRIGHT_MIRROR"));
}

/** Adds `bundle inspect` and `bundle upgrade`. */
export function addBundleVerbs(program: Command, verbs: Pick<SigstoreVerbs, "bundle">): void {
  const bundle = program.command("bundle").description("look into bundles, and bring older ones up to date");
  bundle
    .command("inspect")
    .description("what a bundle says; nothing is verified")
    .argument("<file>", "a Sigstore bundle, or cosign's older JSON")
    .action((file: string, _options, command: Command) =>
      verbs.bundle("inspect", [file], command.optsWithGlobals<BundleOptions>()),
    );
  addSigner(bundle.command("upgrade"))
    .description("verify an older bundle or cosign's older material, and write it in the newest form it can have")
    .argument("[file]", "bundle, or cosign's JSON of sign-blob --bundle; or give --signature")
    .requiredOption("--artifact <file>", "what is signed, or its digest as sha256:<hex>")
    .requiredOption("--out <file>", "where the bundle goes")
    .option("--signature <file>", "cosign's signature file")
    .option("--certificate <file>", "cosign's certificate file")
    .option("--chain <file>", "cosign's chain file")
    .option("--rekor-bundle <file>", "cosign's Rekor bundle: a signed entry timestamp and its payload")
    .addOption(many("--proof <file>", "the log's answer for an entry, with a proof; may be repeated"))
    .action((file: string | undefined, _options, command: Command) =>
      verbs.bundle("upgrade", file === undefined ? [] : [file], command.optsWithGlobals<BundleOptions>()),
    );
}

/** Adds `trust create`, `trust inspect` and `trust rotate`. */
export function addTrustVerbs(program: Command, verbs: Pick<SigstoreVerbs, "trust">): void {
  const trust = program.command("trust").description("Sigstore trusted roots: make, look into, rehearse a rotation");
  const service = "url=URL,file=PEM[,start=TIME][,end=TIME][,operator=NAME]";
  trust
    .command("create")
    .description("a trusted root of certificates, keys, addresses and validity")
    .addOption(many("--ca <service>", `certificate authority, its chain in PEM: ${service}; may be repeated`))
    .addOption(many("--log <service>", `transparency log, its key in PEM: ${service}[,api=1|2]; may be repeated`))
    .addOption(many("--ct-log <service>", `CT log, its key in PEM: ${service}; may be repeated`))
    .addOption(many("--tsa <service>", `timestamp authority, its chain in PEM: ${service}; may be repeated`))
    .option("--base <file>", "a trusted root that these come on top of")
    .requiredOption("--out <file>", "where the trusted root goes")
    .action((_options, command: Command) => verbs.trust("create", [], command.optsWithGlobals<TrustRootOptions>()));
  trust
    .command("inspect")
    .description("what a trusted root or a client trust config trusts, and since when")
    .argument("<file>", "trusted root, or client trust config")
    .action((file: string, _options, command: Command) =>
      verbs.trust("inspect", [file], command.optsWithGlobals<TrustRootOptions>()),
    );
  trust
    .command("rotate")
    .description("check a new trusted root against bundles that are stored, before anyone gets it")
    .argument("<file>", "the new trusted root")
    .requiredOption("--rehearse", "change nothing; say which bundles would be lost")
    .requiredOption("--from <file>", "the trusted root of today")
    .requiredOption("--bundles <folder>", "where bundles are stored")
    .addOption(many("--key <file>", "public key in PEM for bundles without a certificate; may be repeated"))
    .action((file: string, _options, command: Command) =>
      verbs.trust("rotate", [file], command.optsWithGlobals<TrustRootOptions>()),
    );
}
