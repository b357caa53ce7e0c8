// The sandbox made with util-linux alone: unshare, mount, pivot_root, setpriv. Used where bubblewrap is missing.
//
// The tree is a tmpfs with read-only binds, entered by pivot_root, the old root unmounted. The step then runs in a chroot
// onto a second bind of that same tree: the kernel refuses user namespaces to a chrooted process (user_namespaces(7)),
// which closes a way to more kernel surface, and leaving a chroot takes a capability that it has not.
//
// As root there is no user namespace: the step is a real user of its own. Else the caller is root in a user namespace
// that owns the mounts, and the step is in a second one inside it, without any capability over the first.

import { readFileSync } from "node:fs";
import { tmpBytes } from "./sandbox-bubblewrap.ts";
import type { SandboxRequest } from "./sandbox-request.ts";
import { insideCommand, quote, type Stage } from "./sandbox-stage.ts";

/** The whole command line. */
export function unshareCommand(request: SandboxRequest, stage: Stage, root: boolean): readonly string[] {
  const user = root ? [] : ["--user", "--map-root-user"];
  const spaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child"];
  const script = [...buildTree(stage), ...enterTree(), ...runStep(request, root)].join("\n");
  return ["unshare", ...user, ...spaces, "--", "/bin/sh", "-c", script, "sh", ...insideCommand(request)];
}

function buildTree(stage: Stage): readonly string[] {
  const mounted = mountTable();
  const lines = [
    "set -eu",
    "umask 022",
    `R=${quote(`${stage.directory}/root`)}`,
    "mkdir $R",
    "mount -t tmpfs -o mode=0755,size=1m,nosuid,nodev sealwright $R",
    ...stage.links.map(({ path, target }) => `ln -s ${quote(target)} "$R"${quote(path)}`),
  ];
  for (const { source, target, readOnly } of stage.binds) {
    const at = `"$R"${quote(target)}`;
    // Below /etc, which is bound by then, the points are there already.
    if (!target.startsWith("/etc/")) lines.push(makePoint(source, target));
    lines.push(`mount --rbind ${quote(source)} ${at}`);
    for (const { below, options } of mountsAt(source, mounted)) {
      const flags = ["remount", "bind", "nosuid", "nodev", ...(readOnly ? ["ro"] : []), ...options];
      lines.push(`mount -o ${flags.join(",")} ${at}${quote(below)}`);
    }
  }
  return [...lines, ...deviceLines];
}

function makePoint(source: string, target: string): string {
  const at = `"$R"${quote(target)}`;
  const parent = `"$R"${quote(target.slice(0, target.lastIndexOf("/")))}`;
  return `mkdir -p ${parent}; if [ -d ${quote(source)} ]; then mkdir -p ${at}; else : > ${at}; fi`;
}

const deviceLines: readonly string[] = [
  "mkdir $R/proc $R/dev $R/tmp $R/.old $R/.root",
  "mount -t proc -o nosuid,nodev,noexec proc $R/proc",
  "mount -t tmpfs -o mode=0755,size=64k,nosuid,noexec dev $R/dev",
  "for each in null zero full random urandom tty; do : > $R/dev/$each; mount --bind /dev/$each $R/dev/$each; done",
  "ln -s /proc/self/fd $R/dev/fd; ln -s fd/0 $R/dev/stdin; ln -s fd/1 $R/dev/stdout; ln -s fd/2 $R/dev/stderr",
  "mkdir $R/dev/shm",
  "mount -t tmpfs -o mode=1777,size=64m,nosuid,nodev shm $R/dev/shm",
  "mount -o remount,bind,ro,nosuid,noexec $R/dev",
  `mount -t tmpfs -o mode=1777,size=${tmpBytes},nosuid,nodev tmp $R/tmp`,
];

function enterTree(): readonly string[] {
  // Test suites need 127.0.0.1. Perl is there where iproute2 is not: SIOCSIFFLAGS (0x8914) with IFF_UP | IFF_RUNNING.
  const perl = `perl -e 'socket(S,2,2,0); $r=pack("a16s","lo",65); exit !ioctl(S,0x8914,$r)'`;
  return [
    "hostname step 2>/dev/null || :",
    `ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null || ${perl} || :`,
    "cd $R",
    "pivot_root . .old",
    "cd /",
    "umount -l /.old",
    "mount -o remount,bind,ro,nosuid,nodev /",
    "mount --rbind / /.root",
  ];
}

function runStep(request: SandboxRequest, root: boolean): readonly string[] {
  const id = String(request.uid);
  const limits = "--ambient-caps=-all --inh-caps=-all --bounding-set=-all --no-new-privs";
  // The second user namespace gives capabilities over itself: kept for one step, so that the bounding set can be emptied.
  const command = root
    ? `chroot /.root setpriv --reuid ${id} --regid ${id} --clear-groups ${limits} "$@"`
    : `unshare --user --map-user=${id} --map-group=${id} --keep-caps --root=/.root setpriv ${limits} "$@"`;
  // Neither exec, for process 1 of a namespace ignores signals that the step may rely on and must reap orphans; nor `&`,
  // which would let the step ignore interrupts.
  return ["set +e", command, "exit $?"];
}

interface Mounted {
  readonly path: string;
  /** Flags of the mount that a user namespace may not take away (mount_namespaces(7)). */
  readonly options: readonly string[];
}

function mountTable(): readonly Mounted[] {
  const kept = new Set(["ro", "noexec", "noatime", "nodiratime", "relatime"]);
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const fields = line.split(" ");
      const path = fields[4]!.replaceAll(/\\(\d{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      );
      return { path, options: fields[5]!.split(",").filter((each) => kept.has(each)) };
    });
}

/** The mounts that a recursive bind of `source` has: the one it lies in, and those below it, as paths relative to it. */
function mountsAt(
  source: string,
  table: readonly Mounted[],
): readonly { readonly below: string; readonly options: readonly string[] }[] {
  const covers = (path: string) => path === "/" || source === path || source.startsWith(`${path}/`);
  // Of mounts on one point the last is the visible one.
  const own = table
    .filter((each) => covers(each.path))
    .sort((a, b) => a.path.length - b.path.length)
    .at(-1);
  const below = new Map(
    table.filter((each) => each.path.startsWith(`${source}/`)).map((each) => [each.path, each.options]),
  );
  return [
    { below: "", options: own?.options ?? [] },
    ...[...below].map(([path, options]) => ({ below: path.slice(source.length), options })),
  ];
}
