// The program as its users have it: dist/main.js in a process of its own, with a home folder of its own.

import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { guideBlocks } from "./guide-blocks.ts";

export const repositoryFolder = join(import.meta.dirname, "..");
export const mainFile = join(repositoryFolder, "dist", "main.js");

const startTimeoutMs = 30_000;

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  /** Everything written so far. */
  said(): { readonly stdout: string; readonly stderr: string };
  /** Resolves when standard output holds the text; rejects when the process ends before, or in half a minute. */
  until(text: string): Promise<void>;
  readonly ended: Promise<Ran>;
  end(signal?: NodeJS.Signals): Promise<Ran>;
}

export interface Place {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What is done when this process ends, the last first. */
const leftBehind: (() => void)[] = [];
process.on("exit", () => {
  for (const undo of leftBehind.toReversed()) undo();
});

/** A fresh folder that is gone when the process ends; it also serves as the home of what runs in it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sealwright-test-"));
  leftBehind.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The environment without the tester's own settings. */
export function cleanEnvironment(home: string): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, HOME: home };
  for (const name of Object.keys(env))
    if (/^(?:XDG_|SEALWRIGHT_|NODE_OPTIONS$|NODE_TEST|NO_COLOR$|FORCE_COLOR$|GIT_)/.test(name)) delete env[name];
  return env;
}

export function startCommand(command: string, args: readonly string[], { cwd, env }: Place): Started {
  const child = spawn(command, args, {
    cwd,
    env: { ...cleanEnvironment(cwd), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ran>((done, fail) => {
    child.once("error", fail);
    child.once("close", (code, signal) => done({ code, signal, stdout, stderr }));
  });
  const until = (text: string): Promise<void> =>
    new Promise((done, fail) => {
      const complain = (what: string) => fail(new Error(`${what} before it said ${text}:\n${stdout}${stderr}`));
      const timer = setTimeout(() => complain("time was up"), startTimeoutMs);
      const look = () => {
        if (!stdout.includes(text)) return;
        clearTimeout(timer);
        done();
      };
      child.stdout.on("data", look);
      look();
      ended.then(
        () => complain("it ended"),
        () => complain("it did not start"),
      );
    });
  const end = (signal: NodeJS.Signals = "SIGTERM"): Promise<Ran> => {
    child.kill(signal);
    return ended;
  };
  return { child, said: () => ({ stdout, stderr }), until, ended, end };
}

export function start(args: readonly string[], place: Place): Started {
  return startCommand(process.execPath, [mainFile, ...args], place);
}

export function run(args: readonly string[], place: Place): Promise<Ran> {
  return start(args, place).ended;
}

export async function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      assert(typeof address === "object" && address !== null);
      server.close(() => done(address.port));
    });
  });
}

/** The guide's project, committed, in `FOLDER/hello`. */
export function createExample(folder: string): string {
  const project = join(folder, "hello");
  for (const block of guideBlocks()) {
    if (block.kind !== "file" || block.path.startsWith("..")) continue;
    const path = join(project, block.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, block.text);
  }
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-C", project, "-c", "user.name=t", "-c", "user.email=t@example.com", ...args], {
      env: cleanEnvironment(folder),
    });
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "--message", "first");
  return project;
}

export interface Example {
  /** Parent of everything, and home of what runs in it. */
  readonly folder: string;
  readonly project: string;
  readonly organisation: string;
  readonly url: string;
  /** Runs a verb in the project on this organisation. */
  run(...args: readonly string[]): Promise<Ran>;
  /** Serves it until the test ends, at the latest. */
  up(...args: readonly string[]): Promise<Started>;
}

/** A test's context, or a suite's. */
export interface Owner {
  after(undo: () => void): void;
}

/** The guide's project with an organisation of its own on a free port. */
export async function createOrganisation(owner: Owner): Promise<Example> {
  const folder = temporaryFolder();
  const project = createExample(folder);
  const organisation = join(folder, "acme");
  const url = `http://127.0.0.1:${await freePort()}`;
  const place = { cwd: project, env: { HOME: folder, SEALWRIGHT_DIR: organisation } };
  const made = await run(["init", "--name", "acme", "--url", url], place);
  assert.equal(made.code, 0, made.stderr);
  const up = async (...args: readonly string[]): Promise<Started> => {
    const serving = start(["up", ...args], place);
    // A test that fails leaves it running, and a child that runs keeps the test process.
    owner.after(() => void serving.child.kill("SIGKILL"));
    await serving.until(url);
    return serving;
  };
  return { folder, project, organisation, url, run: (...args) => run(args, place), up };
}
