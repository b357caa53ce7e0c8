// Running a peer's program: in its own home folder, with nothing of this machine's settings, beside this process, as
// the peer may want our services in it to answer.

import { execFile } from "node:child_process";
import { resolve } from "node:path";

export interface PeerRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const timeoutMs = 60_000;

/** Runs `program` with `home` as its home and working folder. Rejects only when it did not run or was killed. */
export async function runPeer(
  program: string,
  args: readonly string[],
  home: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<PeerRun> {
  const env = { PATH: process.env["PATH"] ?? "", HOME: home, NO_COLOR: "1", ...variables };
  // A path is meant from where the tests run, not from the peer's home.
  const path = program.includes("/") ? resolve(program) : program;
  return new Promise((done, fail) => {
    execFile(path, args, { env, cwd: home, timeout: timeoutMs }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode === "number") done({ exitCode, stdout, stderr });
      else fail(error);
    });
  });
}
