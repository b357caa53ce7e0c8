// package-lock.json and npm-shrinkwrap.json, lockfileVersion 2 and 3 (docs.npmjs.com, package-lock.json).
// `packages` is read; version 2's legacy `dependencies` must not name more than it does. Version 1 is refused. What is
// installed is what `resolved` leads to, so that a name and version beside another package's archive are refused.

import { Fields, parseJson, Problem } from "../core/index.ts";
import { limits, type Dependency } from "./model.ts";
import { packageUrl } from "./purl.ts";

const code = "packages/lockfile-invalid";
const folder = "node_modules/";
const npmName = /^(?:@[^\s/@\\]+\/)?[^\s/@\\][^\s/\\]*$/;

/** Problems: `packages/lockfile-invalid`, `packages/lockfile-unsupported`. */
export function parsePackageLock(bytes: Uint8Array): readonly Dependency[] {
  const lock = Fields.of(json(bytes), "lockfile", code);
  const version = lock.integer("lockfileVersion");
  if (version !== 2 && version !== 3) {
    throw new Problem("packages/lockfile-unsupported", `lockfileVersion ${version} is not supported, 2 and 3 are`);
  }
  const packages = lock.object("packages");
  const paths = packages.names();
  if (paths.length > limits.lockfilePackages) {
    throw new Problem("packages/lockfile-too-large", `lockfile has more than ${limits.lockfilePackages} packages`);
  }
  if (lock.has("dependencies")) checkLegacy(lock, packages);
  // The root "" and every path outside node_modules are the project's own folders.
  return paths.filter((path) => path.includes(folder)).flatMap((path) => dependency(path, packages.object(path)) ?? []);
}

function json(bytes: Uint8Array) {
  try {
    return parseJson(bytes, { maxBytes: limits.lockfileBytes });
  } catch (cause) {
    throw new Problem(code, "lockfile is not strict JSON", { cause });
  }
}

/** Undefined for a link, which stands for a folder of the project. */
function dependency(path: string, entry: Fields): Dependency | undefined {
  if (entry.optional("link", (name) => entry.boolean(name)) === true) return undefined;
  // An alias is installed under another name than it is published under; `name` is the published one.
  const name =
    entry.optional("name", (field) => entry.string(field, { max: limits.nameLength })) ??
    path.slice(path.lastIndexOf(folder) + folder.length);
  if (!npmName.test(name)) throw new Problem(code, `lockfile names a package ${JSON.stringify(name.slice(0, 80))}`);
  const version = entry.string("version", { min: 1, max: limits.versionLength });
  const integrity = entry.optional("integrity", (field) => entry.string(field, { max: 1024 }));
  const dev = entry.optional("dev", (field) => entry.boolean(field));
  const resolved = entry.optional("resolved", (field) => entry.string(field, { max: 4096 }));
  const unverifiable = resolved === undefined ? undefined : checkResolved(resolved, name, version);
  return {
    ecosystem: "npm",
    name,
    version,
    purl: packageUrl("npm", name, version),
    ...(integrity === undefined ? {} : { integrity }),
    ...(unverifiable === undefined ? {} : { unverifiable }),
    ...(dev === true ? { dev } : {}),
  };
}

/** An archive as registries name it: `/<name>/-/<name without scope>-<version>.tgz`, on whatever host. */
const archive =
  /^https?:\/\/[^/?#]+(?:\/[^?#]*?)??\/((?:@[^/?#]+(?:\/|%2[fF]))?[^/?#@]+)\/-\/([^/?#]+)\.tgz(?:[?#].*)?$/;

/** Why nothing is known about what is installed, if so. Problem `packages/lockfile-invalid` when it is another package. */
function checkResolved(resolved: string, name: string, version: string): string | undefined {
  const match = archive.exec(resolved);
  if (match === null) return "it is installed from elsewhere than a registry";
  const base = name.slice(name.lastIndexOf("/") + 1);
  // Registries leave build metadata out of file names.
  const plain = version.replace(/\+.*$/, "");
  const named = match[1]!.replace(/%2f/i, "/");
  if (named !== name || match[2] !== `${base}-${plain}`) {
    throw new Problem(code, `lockfile says ${name} ${version} and installs ${resolved.slice(0, 200)}`);
  }
  return undefined;
}

/** Version 2 says everything twice, and old clients install what the second says. */
function checkLegacy(lock: Fields, packages: Fields): void {
  const known = new Set<string>();
  for (const path of packages.names()) {
    const name = path.slice(path.lastIndexOf(folder) + folder.length);
    const version = packages.object(path).value["version"];
    known.add(name).add(`${name} ${typeof version === "string" ? version : ""}`);
  }
  const visit = (dependencies: Fields): void => {
    for (const name of dependencies.names()) {
      const entry = dependencies.object(name);
      const version = entry.value["version"];
      // An alias or an address stands where the version would, and is checked in `packages`.
      const plain = typeof version === "string" && /^\d/.test(version);
      if (!known.has(plain ? `${name} ${version}` : name)) {
        throw new Problem(code, `lockfile's dependencies name ${name}, which its packages do not`);
      }
      if (entry.has("dependencies")) visit(entry.object("dependencies"));
    }
  };
  visit(lock.object("dependencies"));
}
