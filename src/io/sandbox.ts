// Runs one command shut off from the machine: its own user, processes, network (loopback alone) and file tree, in which
// the toolchain is read-only and only the mounts asked for exist. Three kinds: bubblewrap; unshare with util-linux
// alone; none, a plain child process, which says so. The answer tells what isolation there was.

import { chownSync, realpathSync, statSync } from "node:fs";
import { Problem } from "../core/index.ts";
import { bubblewrapCommand } from "./sandbox-bubblewrap.ts";
import { runProcess } from "./sandbox-process.ts";
import type { Isolation, SandboxKind, SandboxOutcome, SandboxRequest } from "./sandbox-request.ts";
import { prepareStage } from "./sandbox-stage.ts";
import { unshareCommand } from "./sandbox-unshare.ts";

/** True when this process is root, and steps can be given a user of their own. */
function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** What a sandbox of this kind gives on this machine. */
export function isolationOf(kind: SandboxKind): Isolation {
  if (kind === "none") return { kind, network: "host", userId: "caller", rootReadOnly: false };
  return { kind, network: "none", userId: isRoot() ? "unprivileged" : "caller-mapped", rootReadOnly: true };
}

/**
 * Runs `argv` to its end. As root, the top folder of every writable mount is given to uid 65532; what lies in it, and in
 * read-only mounts, must already be readable for that user.
 * Problems `io/sandbox-request`, `io/sandbox-setup` (the isolation could not be made; the command did not run).
 */
export async function runInSandbox(request: SandboxRequest): Promise<SandboxOutcome> {
  checkRequest(request);
  const isolation = isolationOf(request.kind);
  if (request.kind === "none") {
    const [command, ...args] = request.argv as [string, ...string[]];
    return { ...(await runProcess({ ...request, command, args, confined: false })), isolation };
  }
  if (isRoot())
    for (const mount of request.mounts) if (!mount.readOnly) chownSync(mount.source, request.uid, request.uid);
  const stage = prepareStage(request);
  try {
    const build = request.kind === "bubblewrap" ? bubblewrapCommand : unshareCommand;
    const [command, ...args] = build(request, stage, isRoot()) as [string, ...string[]];
    const env = { PATH: setupPath, LC_ALL: "C" };
    const { timeoutMs, maxOutputBytes, signal } = request;
    const ran = await runProcess({ command, args, env, cwd: "/", timeoutMs, maxOutputBytes, signal, confined: true });
    if (!ran.started && !ran.timedOut && !ran.cancelled) throw setupProblem(request.kind, ran.stderr);
    return { ...ran, isolation };
  } finally {
    stage.remove();
  }
}

const setupPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

function setupProblem(kind: SandboxKind, stderr: Uint8Array): Problem {
  const said = new TextDecoder().decode(stderr.subarray(0, 500)).trim();
  return new Problem("io/sandbox-setup", `the ${kind} sandbox could not be made: ${said || "no message"}`);
}

function checkRequest(request: SandboxRequest): void {
  const refuse = (what: string) => new Problem("io/sandbox-request", what);
  if (request.argv.length === 0) throw refuse("there is no command");
  for (const [name, value] of Object.entries(request.env)) {
    if (!/^[!-<>-~]+$/.test(name) || value.includes("\0")) throw refuse(`${name} is not an environment variable`);
  }
  for (const text of [...request.argv, request.cwd])
    if (text.includes("\0")) throw refuse("a zero character in the command");
  if (request.kind === "none") return;
  const targets = request.mounts.map((each) => each.target);
  for (const { source, target } of request.mounts) {
    const plain = /^(?:\/(?!\.{1,2}(?:\/|$))[^/\0\n]+)+$/;
    if (!plain.test(target)) throw refuse(`${target} is not a plain absolute path`);
    if (targets.some((each) => each.startsWith(`${target}/`))) throw refuse(`a mount lies inside ${target}`);
    if (!plain.test(source) || realpathSync(source) !== source) throw refuse(`${source} is not a canonical path`);
    if (!statSync(source).isDirectory()) throw refuse(`${source} is not a directory`);
  }
  if (new Set(targets).size !== targets.length) throw refuse("two mounts at one place");
}
