// The machine's own tools as the image of a step: which paths they take, and a manifest whose digest names them in
// provenance where a container image's digest would stand.

import { execFileSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, readSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { canonicalJson, hex, type JsonObject } from "../core/index.ts";
import { createHasher, digestHex } from "../crypto/index.ts";

const systemPaths = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface Toolchain {
  readonly manifest: JsonObject;
  /** Lower-case hex SHA-256 of the manifest's canonical JSON. */
  readonly sha256: string;
  /** To be bound read-only into a sandbox's root. */
  readonly readOnlyPaths: readonly string[];
  /** PATH of a step. */
  readonly searchPath: string;
}

/** The system's folders, and the prefix of the running node where it is elsewhere. */
export function toolchainPaths(): readonly string[] {
  const node = realpathSync(process.execPath);
  const paths = systemPaths.filter((path) => existsSync(path));
  if (paths.some((path) => node.startsWith(`${path}/`))) return paths;
  const prefix = dirname(dirname(node));
  // A prefix that holds more than a toolchain would let the step read a home: then the program alone.
  const narrow = basename(dirname(node)) === "bin" && existsSync(join(prefix, "lib", "node_modules"));
  return [...paths, narrow && prefix !== "/" && prefix !== homedir() ? prefix : node];
}

/** Milliseconds matter: node alone has a hundred megabytes, so each file is hashed once for as long as it is unchanged. */
const hashed = new Map<string, string>();

function fileSha256(path: string): string {
  const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
  const key = `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
  const known = hashed.get(key);
  if (known !== undefined) return known;
  const hasher = createHasher("sha256");
  const buffer = new Uint8Array(4_194_304);
  const file = openSync(path, "r");
  try {
    for (let count = readSync(file, buffer); count > 0; count = readSync(file, buffer))
      hasher.update(buffer.subarray(0, count));
  } finally {
    closeSync(file);
  }
  const sha256 = hex(hasher.digest());
  hashed.set(key, sha256);
  return sha256;
}

function find(name: string, searchPath: string): string | undefined {
  const path = searchPath
    .split(":")
    .map((folder) => join(folder, name))
    .find((each) => existsSync(each));
  return path === undefined ? undefined : realpathSync(path);
}

function versionOf(path: string): string | undefined {
  try {
    const said = execFileSync(path, ["--version"], {
      encoding: "utf8",
      timeout: 2000,
      stdio: ["ignore", "pipe", "ignore"],
      env: { LC_ALL: "C" },
    });
    return said.split("\n")[0]!.slice(0, 100);
  } catch {
    return undefined;
  }
}

function npmEntry(searchPath: string): JsonObject | undefined {
  const program = find("npm", searchPath);
  if (program === undefined) return undefined;
  // The program is npm's bin/npm-cli.js; its package.json tells the version.
  const path = join(dirname(dirname(program)), "package.json");
  if (!existsSync(path)) return undefined;
  const version = /"version":\s*"([^"]+)"/.exec(readFileSync(path, "utf8"))?.[1];
  return { name: "npm", path, sha256: fileSha256(path), ...(version === undefined ? {} : { version }) };
}

function entry(name: string, path: string, version: string | undefined): JsonObject {
  return { name, path, sha256: fileSha256(path), ...(version === undefined ? {} : { version }) };
}

/** Describes node, npm, git, sh, tar, the system's release and its package database, as far as they are there. */
export function describeToolchain(): Toolchain {
  const readOnlyPaths = toolchainPaths();
  const node = realpathSync(process.execPath);
  const inSystem = systemPaths.some((path) => node.startsWith(`${path}/`));
  const searchPath = inSystem ? systemPath : `${dirname(node)}:${systemPath}`;
  const tools: JsonObject[] = [entry("node", node, process.version)];
  const npm = npmEntry(searchPath);
  if (npm !== undefined) tools.push(npm);
  for (const name of ["git", "sh", "tar"]) {
    const path = find(name, searchPath);
    if (path !== undefined) tools.push(entry(name, path, name === "sh" ? undefined : versionOf(path)));
  }
  for (const [name, path] of [
    ["os-release", "/etc/os-release"],
    ["packages", "/var/lib/dpkg/status"],
  ] as const) {
    if (existsSync(path)) tools.push(entry(name, path, undefined));
  }
  const manifest: JsonObject = {
    kind: "host-toolchain",
    platform: process.platform,
    architecture: process.arch,
    tools,
  };
  return { manifest, sha256: digestHex("sha256", canonicalJson(manifest)), readOnlyPaths, searchPath };
}
