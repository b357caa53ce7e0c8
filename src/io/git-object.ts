// Raw objects and settings of the repository that the caller is in. Unlike a build's, the caller's GIT_* variables
// stay: a hook of the server sees new objects by them alone. Replacements (git-replace) are not followed.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Problem } from "../core/index.ts";

const run = promisify(execFile);
const objectName = /^[0-9a-f]{40}([0-9a-f]{24})?$/;
const maxTextBytes = 1024 * 1024;
/** Of one commit or tag; a message is written by hand. */
const maxObjectBytes = 16 * 1024 * 1024;

function environment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_NO_LAZY_FETCH: "1",
    GIT_TERMINAL_PROMPT: "0",
    LC_ALL: "C",
  };
}

async function text(folder: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run("git", ["-C", folder, ...args], { env: environment(), maxBuffer: maxTextBytes });
  return stdout;
}

/** An object's own bytes as git keeps them. */
export interface RawGitObject {
  readonly name: string;
  readonly format: "sha1" | "sha256";
  readonly bytes: Uint8Array;
}

/**
 * The commit or tag that a revision leads to; a commit's may go through tags.
 * Problems `io/git-missing`, `io/not-a-clone`, `io/git-object`, `io/too-large`.
 */
export async function readGitObject(folder: string, revision: string, type: "commit" | "tag"): Promise<RawGitObject> {
  const format = (await text(folder, ["rev-parse", "--show-object-format"]).catch(notAClone(folder))).trim();
  if (format !== "sha1" && format !== "sha256")
    throw new Problem("io/git-object", `repositories of the object format ${format} are not supported`);
  const name = await text(folder, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{${type}}`])
    .then((line) => line.trim())
    .catch(() => "");
  if (!objectName.test(name)) throw new Problem("io/git-object", `there is no ${type} ${revision}`);
  const size = Number(await text(folder, ["cat-file", "-s", name]));
  if (!(size <= maxObjectBytes))
    throw new Problem("io/too-large", `${type} ${name} has ${size} bytes, over the limit of ${maxObjectBytes}`);
  const { stdout } = await run("git", ["-C", folder, "cat-file", type, name], {
    env: environment(),
    encoding: "buffer",
    maxBuffer: maxObjectBytes + 1,
  });
  return { name, format, bytes: new Uint8Array(stdout) };
}

function notAClone(folder: string): (cause: unknown) => never {
  return (cause) => {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT")
      throw new Problem("io/git-missing", "there is no git on this machine", { cause, hint: "install git" });
    throw new Problem("io/not-a-clone", `${folder} is not inside a git repository`, { cause });
  };
}

/** Every value of one section of git's configuration by its key in lower case, in git's order. Problem `io/git-config`. */
export async function gitSettings(folder: string, section: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = await text(folder, ["config", "--null", "--get-regexp", `^${section}\\.`]).catch((cause: unknown) => {
    // 1: nothing there.
    if ((cause as { code?: unknown }).code === 1) return "";
    throw new Problem("io/git-config", "git's configuration cannot be read", { cause });
  });
  const settings = new Map<string, string[]>();
  for (const entry of found.split("\0").slice(0, -1)) {
    const at = entry.indexOf("\n");
    const key = (at < 0 ? entry : entry.slice(0, at)).slice(section.length + 1).toLowerCase();
    settings.set(key, [...(settings.get(key) ?? []), at < 0 ? "true" : entry.slice(at + 1)]);
  }
  return settings;
}
