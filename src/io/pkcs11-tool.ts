// OpenSC's pkcs11-tool: how this program talks to tokens, so that no vendor's library runs inside it. The PIN goes
// through a variable of the child's environment (`--pin env:NAME`), never through an argument that `ps` would show.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { Problem } from "../core/index.ts";

export interface Pkcs11Call {
  readonly module: string;
  readonly args: readonly string[];
  readonly login?: boolean;
  /** Left out where the reader asks for it itself. */
  readonly pin?: string | undefined;
  /** Given to the tool as a file, as `--input-file`. */
  readonly input?: Uint8Array;
  /** Reads back what the tool writes to `--output-file`. */
  readonly output?: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Pkcs11Outcome {
  readonly stdout: string;
  /** Empty unless `output` was asked for. */
  readonly output: Uint8Array;
}

// A touch of a token's button may be waited for.
const timeoutMs = 60_000;
const maxOutputCharacters = 1024 * 1024;
const pinVariable = "SEALWRIGHT_CHILD_PIN";
const secrets = /^(SEALWRIGHT_|COSIGN_PASSWORD$|VAULT_TOKEN$)/;

/** Problems `keys/token-*`, `keys/pin-*`. What the tool printed is in no message but for its CKR code. */
export async function runPkcs11Tool(call: Pkcs11Call): Promise<Pkcs11Outcome> {
  await demandModule(call.module);
  const folder = await mkdtemp(join(tmpdir(), "sealwright-pkcs11-"));
  try {
    const args = ["--module", call.module, ...call.args];
    if (call.login === true) args.push("--login");
    if (call.pin !== undefined) args.push("--pin", `env:${pinVariable}`);
    const [input, output] = [join(folder, "input"), join(folder, "output")];
    if (call.input !== undefined) {
      await writeFile(input, call.input, { mode: 0o600 });
      args.push("--input-file", input);
    }
    if (call.output === true) args.push("--output-file", output);
    const stdout = await run(args, childEnvironment(call));
    return { stdout, output: call.output === true ? new Uint8Array(await readFile(output)) : new Uint8Array() };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Modules find their settings in variables of their own, so all are passed on but our own secrets. */
function childEnvironment({ environment, pin }: Pkcs11Call): Record<string, string> {
  const kept = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !secrets.test(entry[0]),
  );
  return { ...Object.fromEntries(kept), LC_ALL: "C", ...(pin === undefined ? {} : { [pinVariable]: pin }) };
}

// A module is a library that runs with all rights of the caller: one that others can change, or that is looked for in a
// folder of somebody's choice, would be theirs.
async function demandModule(path: string): Promise<void> {
  if (path === defaultModule) return;
  if (!isAbsolute(path)) throw new Problem("keys/token-module", "a PKCS #11 module is named by its absolute path");
  const about = await stat(path).catch(() => undefined);
  if (about?.isFile() !== true) throw new Problem("keys/token-module", `there is no PKCS #11 module ${path}`);
  const owned = about.uid === 0 || about.uid === process.getuid?.();
  if (!owned || (about.mode & 0o022) !== 0) {
    throw new Problem("keys/token-module", `others than its owner could have changed ${path}`);
  }
}

/** p11-kit's module of all modules that the machine is set up for; found by the dynamic linker. */
export const defaultModule = "p11-kit-proxy.so";

function run(args: readonly string[], env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    // A session of its own without a terminal: the tool asks nobody for a PIN.
    const child = spawn("pkcs11-tool", args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let [stdout, stderr] = ["", ""];
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (stdout.length < maxOutputCharacters) stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (stderr.length < maxOutputCharacters) stderr += text;
    });
    child.on("error", () => {
      clearTimeout(timer);
      reject(new Problem("keys/token-tool", "there is no pkcs11-tool on this machine", { hint: "install OpenSC" }));
    });
    child.on("close", (exitCode) => {
      clearTimeout(timer);
      if (exitCode === 0) resolve(stdout);
      else reject(exitCode === null ? noAnswer() : refusal(stderr));
    });
  });
}

function noAnswer(): Problem {
  return new Problem("keys/token-unreachable", "the token did not answer in time", {
    hint: "does it wait for a touch?",
  });
}

function refusal(stderr: string): Problem {
  const ckr = /\bCKR_[A-Z0-9_]{1,60}\b/.exec(stderr)?.[0];
  switch (ckr) {
    case "CKR_PIN_INCORRECT":
    case "CKR_PIN_LEN_RANGE":
    case "CKR_PIN_INVALID":
      return new Problem("keys/pin-wrong", "the token does not take the PIN", {
        hint: "a token locks itself after a few wrong ones: it is not tried again",
      });
    case "CKR_PIN_LOCKED":
      return new Problem("keys/pin-locked", "the token has locked its PIN after too many wrong ones");
    default:
  }
  if (/failed to load pkcs11 module/i.test(stderr)) {
    return new Problem("keys/token-module", "the PKCS #11 module cannot be loaded", {
      hint: "name it with module-path= in the reference, or SEALWRIGHT_PKCS11_MODULE",
    });
  }
  const said = ckr === undefined ? "" : `: ${ckr}`;
  return new Problem("keys/token-refused", `the token did not do what was asked${said}`);
}
