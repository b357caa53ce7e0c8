// What git says to `gpg.x509.program` and what it wants to hear: gpg's arguments and the status lines of GnuPG's
// doc/DETAILS, as git 2.39 (gpg-interface.c) uses them. `--status-fd=2 -bsau KEY` signs standard input; `--status-fd=1
// --verify FILE -` verifies it. Exit codes are gpgsm's: 0 good, 1 bad, 2 could not tell. Stricter than gitsign: a good
// signature of somebody who is not expected is TRUST_NEVER and fails, and one where nobody was named TRUST_UNDEFINED
// and fails too.

import { exitCodeOf, type ExitCode } from "./output.ts";
import { formatUtcSeconds, hex, isProblem, printable, Problem, problemChain } from "../core/index.ts";
import { type Certificate, digest, type KeyType } from "../crypto/index.ts";
import { claimedCertificate, establishGitSigner, gitStanding, type GitVerified, signForGit } from "../flows/index.ts";
import type { GitSigner, Trust } from "../sigstore/index.ts";
import type { GitSettings } from "./git-settings.ts";

export interface GitProgramWorld {
  now(): number;
  readInput(maxBytes: number): Promise<Uint8Array>;
  readFile(path: string, maxBytes: number): Promise<Uint8Array>;
  /** To standard output. */
  write(text: string): void;
  /** To standard error, for who reads. */
  say(text: string): void;
  /** To the terminal of whoever sits there, if anybody does: of a signature that fails, git keeps standard error to itself. */
  show(text: string): void;
  /** To a file descriptor, for git. */
  status(fd: number, text: string): void;
  settings(): Promise<GitSettings>;
  trust(settings: GitSettings): Promise<Trust>;
  openSigner(settings: GitSettings): Promise<{ readonly signer: GitSigner; readonly trust: Trust }>;
}

type Call =
  | { readonly kind: "sign"; readonly statusFd: number | undefined; readonly key: string | undefined }
  | { readonly kind: "verify"; readonly statusFd: number | undefined; readonly files: readonly string[] };

const maxObjectBytes = 16 * 1024 * 1024;
const maxSignatureBytes = 1024 * 1024;
/** Numbers of RFC 9580 §9, which the status lines name algorithms by. */
const keyNumbers: Readonly<Record<KeyType, number>> = {
  rsa: 1,
  "ecdsa-p256": 19,
  "ecdsa-p384": 19,
  "ecdsa-p521": 19,
  ed25519: 27,
};
const sha256Number = 8;

const longForms: Readonly<Record<string, string>> = {
  "--detach-sign": "b",
  "--sign": "s",
  "--armor": "a",
  "--local-user": "u",
};

/** Problem `cli/usage` for what git does not say. */
export function readGpgArguments(args: readonly string[]): Call {
  const flags = new Set<string>();
  const files: string[] = [];
  let statusFd: number | undefined;
  let key: string | undefined;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    const fd = /^--status-fd=(\d{1,3})$/.exec(arg)?.[1];
    const short = longForms[arg] ?? /^-([bsau]+)$/.exec(arg)?.[1];
    if (fd !== undefined) statusFd = Number(fd);
    else if (arg === "--verify") flags.add("verify");
    else if (arg === "-" || !arg.startsWith("-")) files.push(arg);
    else if (short !== undefined) {
      for (const letter of short) flags.add(letter);
      if (short.endsWith("u")) key = args[++at];
    } else if (!arg.startsWith("--keyid-format=")) throw usage(`${arg} is nothing that git says to gpg.x509.program`);
  }
  if (flags.has("verify")) {
    if (flags.size > 1 || files.length !== 2) throw usage("--verify goes with the signature's file and -");
    return { kind: "verify", statusFd, files };
  }
  const detached = ["b", "s", "a"].every((flag) => flags.has(flag)) && files.length === 0;
  if (!detached) throw usage("only detached, armoured signatures over standard input are made: -bsau KEY");
  return { kind: "sign", statusFd, key };
}

function usage(message: string): Problem {
  return new Problem("cli/usage", message, { hint: "git starts this program: git config gpg.x509.program" });
}

/** Signs or verifies as git asks. Whatever goes wrong is told on standard error and, verifying, to git. */
export async function gitProgram(args: readonly string[], world: GitProgramWorld): Promise<ExitCode> {
  let call: Call | undefined;
  try {
    call = readGpgArguments(args);
    return call.kind === "sign" ? await sign(call, world) : await verify(call, world);
  } catch (error) {
    const said = textOf(error);
    world.say(said);
    if (call?.kind === "sign") world.show(said);
    return exitCodeOf(error);
  }
}

function textOf(error: unknown): string {
  const [first = "", ...causes] = problemChain(error);
  const [code, hint] = isProblem(error) ? [error.code, error.hint] : ["program/bug", undefined];
  const lines = [
    `sealwright: ${first} [${code}]`,
    ...causes.map((cause) => `  because: ${cause}`),
    ...(hint === undefined ? [] : [`  next: ${hint}`]),
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

function reporter(fd: number | undefined, world: GitProgramWorld): (line: string) => void {
  return (line) => {
    if (fd !== undefined) world.status(fd, `[GNUPG:] ${printable(line)}\n`);
  };
}

function fingerprint({ raw }: Certificate): string {
  return hex(digest("sha256", raw)).toUpperCase();
}

function nameOf({ identity }: GitVerified): string {
  return `${identity.subjectAlternativeName} (${identity.issuer})`;
}

async function sign({ statusFd, key }: Call & { kind: "sign" }, world: GitProgramWorld): Promise<ExitCode> {
  const report = reporter(statusFd, world);
  const payload = await world.readInput(maxObjectBytes);
  const { signer, trust } = await world.openSigner(await world.settings());
  const nowMs = world.now();
  // git looks for SIG_CREATED at the beginning of a line that is not the first.
  report("BEGIN_SIGNING");
  const signed = await signForGit(payload, { signer, trust, nowMs });
  demandNamed(key, signed);
  const { certificate, armour } = signed;
  const algorithms = `${keyNumbers[certificate.publicKey.type]} ${sha256Number}`;
  world.write(armour);
  report(`SIG_CREATED D ${algorithms} 00 ${Math.floor(nowMs / 1000)} ${fingerprint(certificate)}`);
  return 0;
}

/** git's own default is the committer, `Name <address>`; anything else is an identity that the user chose to sign as. */
function demandNamed(key: string | undefined, { identity }: GitVerified): void {
  if (key === undefined || /<[^<>]*>$/.test(key) || key === identity.subjectAlternativeName) return;
  const who = JSON.stringify(identity.subjectAlternativeName);
  throw new Problem("sigstore/identity-mismatch", `the certificate is for ${who}, user.signingkey names another`, {
    hint: "git config --unset user.signingkey, or get a token of that identity",
  });
}

async function verify({ statusFd, files }: Call & { kind: "verify" }, world: GitProgramWorld): Promise<ExitCode> {
  const report = reporter(statusFd, world);
  const [signatureFile, dataFile] = files as [string, string];
  // git looks for GOODSIG at the beginning of a line that is not the first.
  report("NEWSIG");
  const armour = await world.readFile(signatureFile, maxSignatureBytes);
  const payload =
    dataFile === "-" ? await world.readInput(maxObjectBytes) : await world.readFile(dataFile, maxObjectBytes);
  try {
    const settings = await world.settings();
    const signed = establishGitSigner(payload, armour, await world.trust(settings));
    return reportGood(signed, settings, world, report);
  } catch (error) {
    const claimed = claimedCertificate(payload, armour);
    const named = claimed === undefined ? "0000000000000000" : fingerprint(claimed);
    if (exitCodeOf(error) === 1) report(`BADSIG ${named} unknown`);
    // 9: what it takes to check it is missing.
    else report(`ERRSIG ${named} 0 0 00 0 9`);
    throw error;
  }
}

function reportGood(
  signed: GitVerified,
  { signers }: GitSettings,
  world: GitProgramWorld,
  report: (line: string) => void,
): ExitCode {
  const { certificate, verified, identity } = signed;
  const standing = gitStanding(identity, signers);
  const at = formatUtcSeconds(Math.min(...verified.times.map(({ atMs }) => atMs)));
  const print = fingerprint(certificate);
  report(`GOODSIG ${print} ${nameOf(signed)}`);
  const numbers = `${keyNumbers[certificate.publicKey.type]} ${sha256Number}`;
  report(`VALIDSIG ${print} ${at.slice(0, 10)} ${Date.parse(at) / 1000} 0 0 0 ${numbers} 00`);
  const log = verified.logEntries.map(({ baseUrl, logIndex }) => `${baseUrl} entry ${logIndex}`).join(", ");
  world.say(`sealwright: good signature of ${printable(nameOf(signed))}\n`);
  world.say(`  made by ${at}; log: ${printable(log) || "none"}\n`);
  if (standing === "expected") {
    report("TRUST_FULLY 0 shell");
    return 0;
  }
  report(standing === "unexpected" ? "TRUST_NEVER" : "TRUST_UNDEFINED");
  const setting = `git config --add sealwright.signer "${identity.subjectAlternativeName} ${identity.issuer}"`;
  const why = standing === "unexpected" ? "who is not among those expected" : "and nobody is expected to sign here";
  world.say(`sealwright: ${why} [sigstore/identity-expected]\n`);
  world.say(`  next: if that is who should: ${printable(setting)}\n`);
  return 1;
}
