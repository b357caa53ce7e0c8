// What a sandbox is asked for and what it answers.

export type SandboxKind = "bubblewrap" | "unshare" | "none";

export interface SandboxMount {
  /** Canonical absolute path on this machine: no symbolic link in any part. */
  readonly source: string;
  /** Absolute path inside. No mount may lie in another: the inner point would be in a tree the step can write. */
  readonly target: string;
  readonly readOnly: boolean;
}

export interface SandboxRequest {
  readonly kind: SandboxKind;
  readonly argv: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Inside; made when it is missing and can be made. */
  readonly cwd: string;
  readonly mounts: readonly SandboxMount[];
  readonly rootfs: { readonly kind: "host-toolchain"; readonly readOnlyPaths: readonly string[] };
  readonly timeoutMs: number;
  /** Of stdout and of stderr each; what is beyond is dropped. */
  readonly maxOutputBytes: number;
  readonly uid: 65532;
  /** Kills the command when aborted. */
  readonly signal?: AbortSignal;
}

export interface Isolation {
  readonly kind: SandboxKind;
  readonly network: "none" | "host";
  /** Whom the command is to the machine: a user of its own, the caller under another number, or the caller. */
  readonly userId: "unprivileged" | "caller-mapped" | "caller";
  readonly rootReadOnly: boolean;
}

export interface SandboxOutcome {
  /** 128 + number of the signal that ended it. */
  readonly exitCode: number;
  readonly signal?: string;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** True when output was dropped. */
  readonly truncated: boolean;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
  readonly isolation: Isolation;
}
