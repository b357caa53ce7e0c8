// Real git with this program as its gpg.x509.program: the program bundled as a build bundles it, a repository of its
// own for each test, and a running organisation's services behind it.

import { execFile } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import type { RunningInstance } from "./instance.ts";
import { cleanEnvironment, repositoryFolder, temporaryFolder } from "./program.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program's file. */
export async function bundleGitProgram(): Promise<string> {
  const folder = temporaryFolder();
  await build({
    absWorkingDir: repositoryFolder,
    entryPoints: ["src/git-x509.ts"],
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    external: ["@photostructure/sqlite"],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: "warning",
  });
  const path = join(folder, "git-x509.mjs");
  await chmod(path, 0o755);
  return path;
}

export interface GitRepository {
  readonly folder: string;
  /** Runs git there; resolves whatever its exit code. */
  git(...args: readonly string[]): Promise<Ran>;
  /** As `git`, its standard output; rejects when it fails. */
  get(...args: readonly string[]): Promise<string>;
  /** Bytes as an object of this type; gives its name. */
  write(type: string, bytes: Uint8Array): Promise<string>;
  raw(type: string, revision: string): Promise<Uint8Array>;
  /** Runs any program there, in git's environment. */
  run(program: string, args: readonly string[]): Promise<Ran>;
  /** Runs the program as git does. */
  program(args: readonly string[], input: Uint8Array): Promise<Ran>;
  /** What git says to sign with. */
  key(): Promise<string>;
}

export function runFile(
  program: string,
  args: readonly string[],
  place: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly input?: Uint8Array },
): Promise<Ran & { readonly bytes: Uint8Array }> {
  return new Promise((done, fail) => {
    const options = { cwd: place.cwd, env: place.env, encoding: "buffer", timeout: 60_000 } as const;
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code !== "number") return fail(error as Error);
      done({ code, stdout: stdout.toString(), stderr: stderr.toString(), bytes: new Uint8Array(stdout) });
    });
    // A program that does not want its input may have ended.
    child.stdin!.on("error", () => undefined);
    child.stdin!.end(place.input);
  });
}

/** A repository that signs as the instance's build and expects it, with its first file staged. */
export async function createRepository(
  instance: RunningInstance,
  program: string,
  options: {
    readonly format?: "sha1" | "sha256";
    readonly token?: string;
    /** Added to git's environment, as they are at each run. */
    readonly variables?: Readonly<Record<string, string>>;
  } = {},
): Promise<GitRepository> {
  const home = temporaryFolder();
  const folder = join(home, "work");
  await mkdir(folder);
  await writeFile(join(home, "trusted_root.json"), await instance.target("trusted_root.json"));
  const token = options.token ?? (await instance.token());
  const fixed = { ...cleanEnvironment(home), SIGSTORE_ID_TOKEN: token, GIT_CONFIG_NOSYSTEM: "1" };
  const run = (path: string, args: readonly string[], input?: Uint8Array) => {
    const given = input === undefined ? {} : { input };
    return runFile(path, args, { cwd: folder, env: { ...fixed, ...options.variables }, ...given });
  };
  const git = (...args: readonly string[]) => run("git", args);
  const get = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await git(...args);
    if (code !== 0) throw new Error(`git ${args.join(" ")}: ${stdout}${stderr}`);
    return stdout.trim();
  };
  await get("init", "--quiet", `--object-format=${options.format ?? "sha1"}`);
  const settings = {
    "user.name": "Jo",
    "user.email": "jo@example.com",
    "gpg.format": "x509",
    "gpg.x509.program": program,
    "sealwright.dir": instance.folder,
    "sealwright.signer": `${instance.identity} ${instance.url}`,
  };
  for (const [name, value] of Object.entries(settings)) await get("config", name, value);
  await writeFile(join(folder, "hello.txt"), "hello\n");
  await get("add", "hello.txt");
  return {
    folder,
    run,
    program: (args, input) => run(program, args, input),
    key: async () => (await git("config", "user.signingkey")).stdout.trim() || "Jo <jo@example.com>",
    git,
    get,
    write: async (type, bytes) => {
      const args = ["hash-object", "-t", type, "-w", "--literally", "--stdin"];
      return (await run("git", args, bytes)).stdout.trim();
    },
    raw: async (type, revision) => (await git("cat-file", type, revision)).bytes,
  };
}
