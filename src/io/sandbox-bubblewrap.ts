// The bubblewrap command line (bwrap 0.8 and later): every namespace new, no capability, no further user namespace.
// As root, bwrap is started as the step's user, so that files outside belong to that user and not to root; the sources
// are first bound to a place that user can reach, in a mount namespace of our own.

import { join } from "node:path";
import type { SandboxRequest } from "./sandbox-request.ts";
import { insideCommand, quote, type Stage } from "./sandbox-stage.ts";

/** The whole command line, ours or, as root, through setpriv in a mount namespace of its own. */
export function bubblewrapCommand(request: SandboxRequest, stage: Stage, root: boolean): readonly string[] {
  if (!root) return ["bwrap", ...flags(request, stage, (index) => stage.binds[index]!.source)];
  const at = (index: number) => join(stage.directory, "binds", String(index));
  const lines = stage.binds.flatMap(({ source }, index) => {
    const make = `[ -d ${quote(source)} ] && mkdir ${quote(at(index))} || : > ${quote(at(index))}`;
    return [make, `mount --rbind ${quote(source)} ${quote(at(index))}`];
  });
  const id = String(request.uid);
  const drop = ["setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--inh-caps=-all", "--no-new-privs"];
  const script = ["set -e", `mkdir ${quote(join(stage.directory, "binds"))}`, ...lines, 'exec "$@"'].join("\n");
  const command = [...drop, "bwrap", ...flags(request, stage, at)];
  return ["unshare", "--mount", "--", "/bin/sh", "-c", script, "sh", ...command];
}

function flags(request: SandboxRequest, stage: Stage, source: (index: number) => string): readonly string[] {
  const id = String(request.uid);
  const fixed = `--unshare-user --uid ${id} --gid ${id} --disable-userns --unshare-ipc --unshare-pid --unshare-uts
    --unshare-net --unshare-cgroup-try --hostname step --die-with-parent --new-session --cap-drop ALL --clearenv`;
  const after = `--proc /proc --dev /dev --perms 1777 --size ${tmpBytes} --tmpfs /tmp --perms 1777 --tmpfs /dev/shm --remount-ro /dev --remount-ro /`;
  return [
    ...fixed.split(/\s+/),
    ...stage.links.flatMap(({ path, target }) => ["--symlink", target, path]),
    ...stage.binds.flatMap((each, index) => [each.readOnly ? "--ro-bind" : "--bind", source(index), each.target]),
    ...after.split(" "),
    "--chdir",
    "/",
    "--",
    ...insideCommand(request),
  ];
}

/** Of /tmp, in memory. */
export const tmpBytes = 536_870_912;
