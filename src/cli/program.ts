// The verbs and their options. Each verb's own file says what it does; this one only reads the arguments.

import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { Problem } from "../core/index.ts";
import { completion, type Shell } from "./completion.ts";
import type { OutputForm } from "./output.ts";
import { addGitVerbs, type GitVerbs } from "./git-program.ts";
import { addSignVerbs, type SignVerbs } from "./sign-program.ts";
import { addBundleVerbs, addBundleVerifyOptions, addTrustVerbs, type SigstoreVerbs } from "./sigstore-program.ts";
import { addTufVerbs, type TufVerbs } from "./tuf-program.ts";

export interface GlobalOptions {
  readonly dir: string;
  readonly output: OutputForm;
  readonly quiet: boolean;
}
export interface InitOptions extends GlobalOptions {
  readonly name?: string;
  readonly url: string;
  readonly project?: string;
  readonly source?: string;
  readonly pipeline: string;
  readonly policy?: string;
}
export interface UpOptions extends GlobalOptions {
  readonly host: string;
  readonly port?: number;
}
export interface BuildOptions extends GlobalOptions {
  readonly workspace: ReadonlyMap<string, string>;
  readonly param: ReadonlyMap<string, string>;
  readonly release: string;
}
export interface TrustOptions extends GlobalOptions {
  readonly root?: string;
  readonly mirror?: string;
}
export interface VerifyOptions extends TrustOptions {
  readonly bundle: readonly string[];
  readonly release?: string;
  readonly certificateIdentity?: string;
  readonly certificateOidcIssuer?: string;
  readonly key?: string;
  readonly trustedRoot?: string;
  readonly type?: string;
  readonly advisories?: string;
  readonly vsa?: string;
}
export interface CheckOptions extends TrustOptions {
  readonly advisories?: string;
}
export interface DemoOptions extends GlobalOptions {
  readonly keep?: string;
}

/** What main does for each verb. */
export interface Verbs extends GitVerbs, SignVerbs, SigstoreVerbs, TufVerbs {
  init(options: InitOptions): Promise<void>;
  up(options: UpOptions): Promise<void>;
  build(options: BuildOptions): Promise<void>;
  verify(file: string, options: VerifyOptions): Promise<void>;
  check(lockfile: string, options: CheckOptions): Promise<void>;
  demo(options: DemoOptions): Promise<void>;
}

function collect(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

function pairs(text: string, before: ReadonlyMap<string, string>): Map<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("it must be NAME=VALUE.");
  return new Map([...before, [text.slice(0, at), text.slice(at + 1)]]);
}

function port(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 65_535) throw new InvalidArgumentError("it must be a port number.");
  return number;
}

function addTrustOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--root <file>", "TUF root to start from (default: the organisation's own)").env("SEALWRIGHT_ROOT"),
    )
    .addOption(new Option("--mirror <url>", "TUF repository: an address or a folder").env("SEALWRIGHT_MIRROR"));
}

function addProducerVerbs(program: Command, verbs: Verbs): void {
  program
    .command("init")
    .description("create an organisation: keys, certificate and timestamp authority, logs, TUF repository, policy")
    .option("--name <name>", "name of the organisation (default: the project's)")
    .option("--url <url>", "address its services will have", "http://127.0.0.1:8765")
    .option("--project <name>", "name of the project that is built (default: the repository's folder)")
    .option("--source <uri>", "where the source is kept (default: the remote origin)")
    .option("--pipeline <path>", "the PipelineRun in the repository", ".tekton/release.yaml")
    .option("--policy <file>", "policy to use instead of the default one")
    .action((_options, command: Command) => verbs.init(command.optsWithGlobals<InitOptions>()));
  program
    .command("up")
    .description("serve the organisation: CA, log, timestamps, TUF, OIDC, decisions")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .addOption(
      new Option("--port <port>", "port to listen on (default: that of the organisation's address)").argParser(port),
    )
    .action((_options, command: Command) => verbs.up(command.optsWithGlobals<UpOptions>()));
  program
    .command("build")
    .description("run the project's pipeline on HEAD in a sandbox; attest, sign, timestamp and log what it made")
    .addOption(
      new Option("--workspace <name=folder>", "bind a read-only workspace").argParser(pairs).default(new Map(), "none"),
    )
    .addOption(
      new Option("--param <name=value>", "set a parameter of the run").argParser(pairs).default(new Map(), "none"),
    )
    .option("--release <folder>", "where the release goes", "release")
    .action((_options, command: Command) => verbs.build(command.optsWithGlobals<BuildOptions>()));
}

function addConsumerVerbs(program: Command, verbs: Verbs): void {
  addBundleVerifyOptions(addTrustOptions(program.command("verify")))
    .description("verify an artifact by its bundles, or a whole release by the organisation's policy")
    .argument("<file>", "the artifact, or its digest as sha256:<hex>")
    .addOption(new Option("--bundle <file>", "Sigstore bundle; may be repeated").argParser(collect).default([], "none"))
    .option("--release <folder>", "release folder: verify everything in it and decide by the policy")
    .option("--certificate-identity <identity>", "exact identity of the signer (default: the project's builds)")
    .option("--certificate-oidc-issuer <url>", "exact issuer of that identity (default: the organisation's)")
    .option("--key <file>", "public key in PEM instead of an identity")
    .option("--trusted-root <file>", "Sigstore trusted root instead of TUF")
    .option("--type <uri>", "predicate type that an attestation must have")
    .option("--advisories <folder>", "OSV records and kev.json (default: the small set that is shipped)")
    .option("--vsa <file>", "write the signed verification summary here")
    .action((file: string, _options, command: Command) => verbs.verify(file, command.optsWithGlobals<VerifyOptions>()));
  addTrustOptions(program.command("check"))
    .description("check a lockfile against advisories and the policy")
    .argument("<lockfile>", "package-lock.json or gradle.lockfile")
    .option("--advisories <folder>", "OSV records and kev.json (default: the small set that is shipped)")
    .action((file: string, _options, command: Command) => verbs.check(file, command.optsWithGlobals<CheckOptions>()));
  program
    .command("demo")
    .description("the whole chain on this repository's HEAD, then the attacks on it")
    .option("--keep <folder>", "folder for everything it makes (default: a fresh one)")
    .action((_options, command: Command) => verbs.demo(command.optsWithGlobals<DemoOptions>()));
}

/** The whole command line; each verb calls what main hands in. */
export function createProgram(verbs: Verbs, version: string): Command {
  const program = new Command("sealwright")
    .description("An organisation's whole chain of custody of software in one program.")
    .version(version)
    .addOption(new Option("--dir <folder>", "the organisation's folder").env("SEALWRIGHT_DIR").default(".sealwright"))
    .addOption(new Option("-o, --output <form>", "form of the result").choices(["text", "json"]).default("text"))
    .option("-q, --quiet", "say nothing but the result", false)
    .showSuggestionAfterError(true)
    // Said once, by `parseArguments`' Problem. Set before the verbs are made, which take it over.
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  addProducerVerbs(program, verbs);
  addConsumerVerbs(program, verbs);
  addSignVerbs(program, verbs);
  addGitVerbs(program, verbs);
  addBundleVerbs(program, verbs);
  addTrustVerbs(program, verbs);
  addTufVerbs(program, verbs);
  program
    .command("completion")
    .description("print a completion script")
    .addOption(new Option("--shell <shell>", "which shell").choices(["bash", "zsh", "fish"]).default("bash"))
    .action((options: { shell: Shell }) => {
      program.configureOutput().writeOut?.(completion(program, options.shell));
    });
  return program;
}

function usage(message: string, suggestion = ""): Problem {
  const hint = `${suggestion === "" ? "" : `${suggestion} `}sealwright --help lists the verbs, sealwright VERB --help its options`;
  return new Problem("cli/usage", message, { hint });
}

/** Runs the arguments. Commander's own complaints become `cli/usage`; help and version end quietly. */
export async function parseArguments(program: Command, args: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    if (error.code === "commander.help") throw usage("no verb was given");
    const [message = "", ...suggestions] = error.message.replace(/^error: /, "").split("\n");
    throw usage(message, suggestions.join(" ").replaceAll(/^\(|\)$/g, ""));
  }
}
