// A child process with an end: output bounded, time bounded, and nothing of it left behind.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly timeoutMs: number;
  readonly maxOutputBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** The command makes a process namespace that dies with it, and writes a line to descriptor 3 once all is set up. */
  readonly confined: boolean;
}

export interface ProcessOutcome {
  readonly exitCode: number;
  readonly signal?: string;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly truncated: boolean;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
  /** The line on descriptor 3 came. */
  readonly started: boolean;
}

class Sink {
  private readonly chunks: Uint8Array[] = [];
  private size = 0;
  truncated = false;

  constructor(private readonly maxBytes: number) {}

  add = (chunk: Uint8Array): void => {
    const room = this.maxBytes - this.size;
    if (chunk.length > room) this.truncated = true;
    const kept = chunk.subarray(0, room);
    this.size += kept.length;
    if (kept.length > 0) this.chunks.push(kept);
  };

  bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.chunks));
  }
}

/** Runs a command to its end, and ends whatever it has started. Never rejects: a command that cannot start is exit 127. */
export function runProcess(request: ProcessRequest): Promise<ProcessOutcome> {
  return new Promise((resolve) => {
    const child = spawn(request.command, request.args, {
      cwd: request.cwd,
      env: { ...request.env },
      // A session of its own: it has no terminal, and can be killed as a whole.
      detached: true,
      stdio: ["ignore", "pipe", "pipe", request.confined ? "pipe" : "ignore"],
    });
    const stdout = new Sink(request.maxOutputBytes);
    const stderr = new Sink(request.maxOutputBytes);
    let [timedOut, cancelled, started] = [false, false, false];
    child.stdout!.on("data", stdout.add);
    child.stderr!.on("data", stderr.add);
    child.stdio[3]?.on("data", () => (started = true));
    const kill = () => killTree(child.pid);
    const timer = setTimeout(
      () => {
        timedOut = true;
        kill();
      },
      Math.min(request.timeoutMs, maxTimerMs),
    );
    const abort = () => {
      cancelled = true;
      kill();
    };
    if (request.signal?.aborted === true) abort();
    request.signal?.addEventListener("abort", abort, { once: true });
    // A program that is not there, or a folder: as a shell says it, 127.
    child.on("error", (error) => stderr.add(new TextEncoder().encode(`${error.message}\n`)));
    // What an unconfined command left running would hold the pipes open and outlive it.
    if (!request.confined) child.on("exit", kill);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", abort);
      resolve({
        exitCode: exitCodeOf(code, signal),
        ...(signal === null ? {} : { signal }),
        stdout: stdout.bytes(),
        stderr: stderr.bytes(),
        truncated: stdout.truncated || stderr.truncated,
        timedOut,
        cancelled,
        started,
      });
    });
  });
}

function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  if (signal !== null) return 128 + constants.signals[signal];
  return code === null || code < 0 ? 127 : code;
}

/** The longest delay of a timer in Node; about 24 days. */
const maxTimerMs = 2_147_483_647;

/** Kills a process, its session and its descendants. A confined one takes its whole process namespace along. */
function killTree(pid: number | undefined): void {
  if (pid === undefined) return;
  for (const each of [...familyOf(pid), -pid]) {
    try {
      process.kill(each, "SIGKILL");
    } catch {
      // Already gone.
    }
  }
}

/** Processes whose session is `pid`, or whose line of parents leads to it. Empty where there is no /proc. */
function familyOf(pid: number): readonly number[] {
  const parents = new Map<number, number>();
  const family = new Set([pid]);
  for (const name of listProcesses()) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, "latin1");
      // The name, in parentheses, may hold anything; the fields after it do not (proc(5)).
      const [, parent, , session] = text.slice(text.lastIndexOf(")") + 2).split(" ");
      parents.set(Number(name), Number(parent));
      if (Number(session) === pid) family.add(Number(name));
    } catch {
      // Ended meanwhile.
    }
  }
  for (let grown = true; grown;) {
    grown = false;
    for (const [each, parent] of parents) {
      if (!family.has(parent) || family.has(each)) continue;
      family.add(each);
      grown = true;
    }
  }
  return [...family];
}

function listProcesses(): readonly string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}
