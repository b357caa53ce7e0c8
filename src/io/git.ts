// What a build needs of git, through its own binary with arguments as an array; no system configuration, no prompt.

import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { concat, hex, Problem } from "../core/index.ts";
import { createHasher } from "../crypto/index.ts";

const run = promisify(execFile);
const maxOutputBytes = 16 * 1024 * 1024;
const objectName = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/** A commit as found in a clone. */
export interface Commit {
  /** Object name, 40 or 64 hexadecimal digits. */
  readonly revision: string;
  /** Full name of the branch, such as `refs/heads/main`; undefined when HEAD is detached. */
  readonly ref: string | undefined;
  /** Address of the remote `origin`, undefined when there is none. */
  readonly origin: string | undefined;
}

/** Of the caller's environment without what git's own hooks and users set for it: `-C` alone says which repository. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
  return {
    ...Object.fromEntries(kept),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_NO_LAZY_FETCH: "1",
    LC_ALL: "C",
  };
}

async function git(folder: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run("git", ["-C", folder, ...args], {
    maxBuffer: maxOutputBytes,
    env: environment(),
  });
  return stdout;
}

const optional = (folder: string, ...args: readonly string[]): Promise<string | undefined> =>
  git(folder, ...args).then(
    (text) => text.trim() || undefined,
    () => undefined,
  );

/** The commit that HEAD names. Problems `io/git-missing`, `io/not-a-clone`, `io/no-commit`. */
export async function headCommit(folder: string): Promise<Commit> {
  try {
    await git(folder, "rev-parse", "--git-dir");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
      throw new Problem("io/git-missing", "there is no git on this machine", { cause, hint: "install git" });
    }
    throw new Problem("io/not-a-clone", `${folder} is not inside a git repository`, {
      cause,
      hint: "run it in a clone: the build starts from a commit",
    });
  }
  const revision = await optional(folder, "rev-parse", "--verify", "--end-of-options", "HEAD^{commit}");
  if (revision === undefined || !objectName.test(revision)) {
    throw new Problem("io/no-commit", `${folder} has no commit yet`, { hint: "commit first" });
  }
  return {
    revision,
    ref: await optional(folder, "symbolic-ref", "--quiet", "HEAD"),
    origin: await optional(folder, "config", "--get", "remote.origin.url"),
  };
}

/** Top folder of the clone that holds `folder`. */
export async function topFolder(folder: string): Promise<string> {
  await headCommit(folder);
  return (await git(folder, "rev-parse", "--show-toplevel")).trim();
}

/**
 * A bare copy that holds one commit and what it stands on, for a sandbox to clone from. Objects are copied, not
 * linked, so that nothing done to the copy reaches the original.
 */
export async function mirrorCommit(folder: string, revision: string, target: string): Promise<void> {
  try {
    await run("git", ["init", "--quiet", "--bare", target], { env: environment() });
    // Depth 1: the build needs the tree of this commit, and its object name binds the history.
    const source = (await git(folder, "rev-parse", "--absolute-git-dir")).trim();
    await git(
      target,
      "-c",
      "protocol.file.allow=always",
      "fetch",
      "--quiet",
      "--depth=1",
      "--no-tags",
      `file://${source}`,
      `${revision}:refs/heads/build`,
    );
  } catch (cause) {
    throw new Problem("io/git-mirror", `cannot copy commit ${revision}`, { cause });
  }
}

interface TreeEntry {
  readonly mode: string;
  readonly object: string;
  readonly path: string;
}

async function treeEntries(folder: string, revision: string): Promise<TreeEntry[]> {
  const text = await git(folder, "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", revision);
  return text.split("\0").flatMap((line) => {
    const match = /^(\d{6}) (?:blob|commit) ([0-9a-f]+)\t([^]+)$/.exec(line);
    return match === null ? [] : [{ mode: match[1] as string, object: match[2] as string, path: match[3] as string }];
  });
}

/** A file of a commit, undefined when it has none of this name. Problem `io/too-large`. */
export async function readCommitted(
  folder: string,
  revision: string,
  path: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const found = (await treeEntries(folder, revision)).find((each) => each.path === path);
  if (found === undefined) return undefined;
  const size = Number(await git(folder, "cat-file", "-s", found.object));
  if (!(size <= maxBytes))
    throw new Problem("io/too-large", `${path} has ${size} bytes, over the limit of ${maxBytes}`);
  const { stdout } = await run("git", ["-C", folder, "cat-file", "blob", found.object], {
    env: environment(),
    encoding: "buffer",
    maxBuffer: maxBytes + 1,
  });
  return new Uint8Array(stdout);
}

/**
 * SHA-256 of every file of a commit's tree, by path, read from git's own objects and not from a checkout.
 * Problem `io/git-tree` for links and submodules: a build's source is files.
 */
export async function committedDigests(folder: string, revision: string): Promise<ReadonlyMap<string, string>> {
  const entries = await treeEntries(folder, revision);
  const strange = entries.find(({ mode }) => mode !== "100644" && mode !== "100755");
  if (strange !== undefined)
    throw new Problem("io/git-tree", `${strange.path} is a link or a submodule, which builds do not take`);
  const out = new Map<string, string>();
  const batch = spawn("git", ["-C", folder, "cat-file", "--batch"], {
    env: environment(),
    stdio: ["pipe", "pipe", "ignore"],
  });
  batch.stdin.end(entries.map(({ object }) => `${object}\n`).join(""));
  const reader = new ChunkReader(batch.stdout);
  for (const { path, object } of entries) {
    const [name, kind, size] = (await reader.line()).split(" ");
    if (name !== object || kind !== "blob") throw new Problem("io/git-tree", `git did not give the object of ${path}`);
    const hasher = createHasher("sha256");
    await reader.take(Number(size), (part) => hasher.update(part));
    await reader.take(1, () => undefined);
    out.set(path, hex(hasher.digest()));
  }
  return out;
}

/** Lines and counted bytes of a stream. */
class ChunkReader {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private held: Uint8Array = new Uint8Array();

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.chunks = stream[Symbol.asyncIterator]();
  }

  private async more(): Promise<void> {
    const next = await this.chunks.next();
    if (next.done === true) throw new Problem("io/git-tree", "git ended before its answer did");
    this.held = this.held.length === 0 ? next.value : concat(this.held, next.value);
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.held.indexOf(10);
      if (end >= 0) {
        const text = new TextDecoder().decode(this.held.subarray(0, end));
        this.held = this.held.subarray(end + 1);
        return text;
      }
      await this.more();
    }
  }

  async take(count: number, use: (part: Uint8Array) => unknown): Promise<void> {
    for (let left = count; left > 0;) {
      if (this.held.length === 0) await this.more();
      const part = this.held.subarray(0, left);
      use(part);
      left -= part.length;
      this.held = this.held.subarray(part.length);
    }
  }
}
