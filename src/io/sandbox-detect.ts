// Which sandbox this machine can really make: by making it and looking around inside.

import { Problem } from "../core/index.ts";
import { runInSandbox } from "./sandbox.ts";
import type { SandboxKind } from "./sandbox-request.ts";
import { toolchainPaths } from "./toolchain.ts";

const kinds: readonly SandboxKind[] = ["bubblewrap", "unshare", "none"];

/** True inside only: the step's user, no capability, a root that cannot be written, loopback alone. */
const probe = `test "$(id -u)" = 65532 && grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status &&
! touch /probe 2>/dev/null && test "$(grep -c : /proc/net/dev)" = 1 && touch /tmp/probe`;

async function works(kind: SandboxKind): Promise<boolean> {
  try {
    const ran = await runInSandbox({
      kind,
      argv: ["/bin/sh", "-c", probe],
      env: { PATH: "/usr/bin:/bin" },
      cwd: "/",
      mounts: [],
      rootfs: { kind: "host-toolchain", readOnlyPaths: toolchainPaths() },
      timeoutMs: 10_000,
      maxOutputBytes: 4096,
      uid: 65532,
    });
    return ran.exitCode === 0;
  } catch {
    // No such program, or the kernel refuses.
    return false;
  }
}

/**
 * The strongest kind that works here. `SEALWRIGHT_SANDBOX` names one instead, which is then not tried.
 * Problem `io/sandbox-request` when it names none of the three.
 */
export async function detectSandbox(): Promise<SandboxKind> {
  const wanted = process.env["SEALWRIGHT_SANDBOX"];
  if (wanted !== undefined && wanted !== "") {
    const kind = kinds.find((each) => each === wanted);
    if (kind === undefined)
      throw new Problem("io/sandbox-request", `SEALWRIGHT_SANDBOX is ${wanted}, not one of ${kinds.join(", ")}`);
    return kind;
  }
  if (process.platform !== "linux") return "none";
  for (const kind of ["bubblewrap", "unshare"] as const) if (await works(kind)) return kind;
  return "none";
}
