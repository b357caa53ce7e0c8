// What both real sandboxes share: a temporary folder with a minimal /etc and places to mount at, and the last command,
// which runs inside as the step's user.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { SandboxRequest } from "./sandbox-request.ts";

export interface Stage {
  /** Readable for everyone: the step's user mounts out of it. */
  readonly directory: string;
  readonly etc: string;
  /** Toolchain paths that are symbolic links, such as /bin on a merged /usr. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
  /** Everything bound into the root, the toolchain before the mounts. */
  readonly binds: readonly { readonly source: string; readonly target: string; readonly readOnly: boolean }[];
  remove(): void;
}

/** Files of /etc that programs need and that tell nothing about the machine; missing ones are left out. */
const copied = ["/etc/ld.so.cache", "/etc/os-release"];
/** Folders of /etc that hold links or defaults of the toolchain. */
const boundEtc = ["/etc/alternatives"];

function files(uid: number): Readonly<Record<string, string>> {
  return {
    passwd: `root:x:0:0:root:/nonexistent:/bin/sh\nstep:x:${uid}:${uid}:step:/tekton/home:/bin/sh\n`,
    group: `root:x:0:\nstep:x:${uid}:\n`,
    hosts: "127.0.0.1 localhost\n::1 localhost\n",
    hostname: "step\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": "",
  };
}

/** Makes the temporary folder of one step; `remove` when the step has ended. */
export function prepareStage(request: SandboxRequest): Stage {
  // Not os.tmpdir(): TMPDIR may lie in a folder that the step's user cannot enter.
  const directory = mkdtempSync(join(realpathSync("/tmp"), "sealwright-sandbox-"));
  chmodSync(directory, 0o755);
  const etc = join(directory, "etc");
  mkdirSync(etc, { mode: 0o755 });
  for (const [name, text] of Object.entries(files(request.uid))) writeFileSync(join(etc, name), text, { mode: 0o644 });
  for (const path of copied.filter((each) => existsSync(each))) copyFileSync(path, join(directory, path));
  const folders = boundEtc.filter((path) => existsSync(path));
  for (const path of folders) mkdirSync(join(directory, path), { mode: 0o755 });
  const paths = request.rootfs.readOnlyPaths.filter((path) => existsSync(path));
  const links = paths.filter((path) => lstatSync(path).isSymbolicLink());
  const readOnly = (path: string) => ({ source: path, target: path, readOnly: true });
  return {
    directory,
    etc,
    links: links.map((path) => ({ path, target: readlinkSync(path) })),
    binds: [
      ...paths.filter((path) => !links.includes(path)).map(readOnly),
      { source: etc, target: "/etc", readOnly: true },
      ...folders.map(readOnly),
      ...request.mounts,
    ],
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/**
 * The command as it is run inside: reports on descriptor 3 that the isolation stands, enters the folder, and leaves
 * nothing in the environment but what was asked for.
 */
export function insideCommand(request: SandboxRequest): readonly string[] {
  const script = 'echo started >&3; exec 3>&-; mkdir -p "$0" 2>/dev/null; cd "$0" || exit 126; exec "$@"';
  const env = Object.entries(request.env).map(([name, value]) => `${name}=${value}`);
  return ["/bin/sh", "-c", script, request.cwd, "/usr/bin/env", "-i", "--", ...env, ...request.argv];
}

/** Quoted for sh. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
