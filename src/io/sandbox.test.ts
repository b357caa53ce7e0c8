import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isProblem } from "../core/index.ts";
import { detectSandbox } from "./sandbox-detect.ts";
import type { SandboxKind, SandboxRequest } from "./sandbox-request.ts";
import { readResultFile } from "./sandbox-result.ts";
import { runInSandbox } from "./sandbox.ts";
import { toolchainPaths } from "./toolchain.ts";

const root = process.getuid?.() === 0;
const room = mkdtempSync("/tmp/sealwright-test-");
// Outside what the step may see there is nothing that permissions alone would hide from it.
chmodSync(room, 0o755);
after(() => rmSync(room, { recursive: true, force: true }));

function workspace(): string {
  return mkdtempSync(join(room, "workspace-"));
}

function request(kind: SandboxKind, script: string, more: Partial<SandboxRequest> = {}): SandboxRequest {
  return {
    kind,
    argv: ["/bin/sh", "-c", script],
    env: { PATH: "/usr/sbin:/usr/bin:/bin", HOME: "/tekton/home" },
    cwd: "/",
    mounts: [],
    rootfs: { kind: "host-toolchain", readOnlyPaths: toolchainPaths() },
    timeoutMs: 20_000,
    maxOutputBytes: 10_000,
    uid: 65532,
    ...more,
  };
}

async function run(kind: SandboxKind, script: string, more: Partial<SandboxRequest> = {}) {
  const ran = await runInSandbox(request(kind, script, more));
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { ...ran, out: text(ran.stdout), err: text(ran.stderr) };
}

const available = new Map<SandboxKind, boolean>();

/** False, and the test skipped, where this machine cannot make the kind. */
async function can(t: TestContext, kind: SandboxKind): Promise<boolean> {
  if (!available.has(kind))
    available.set(
      kind,
      await run(kind, "true")
        .then((ran) => ran.exitCode === 0)
        .catch(() => false),
    );
  const yes = available.get(kind) === true;
  if (!yes) t.skip(`skipped: ${kind} does not work on this machine`);
  return yes;
}

for (const kind of ["bubblewrap", "unshare"] as const) {
  const testKind = (name: string, body: () => Promise<void>) =>
    test(`${kind}: ${name}`, async (t) => {
      if (await can(t, kind)) await body();
    });

  testKind("a step sees nothing of the machine's files beyond the toolchain and its mounts", async () => {
    writeFileSync(join(room, "secret"), "key", { mode: 0o600 });
    writeFileSync(join(room, "public"), "key", { mode: 0o644 });
    const ran = await run(
      kind,
      `cat ${room}/secret ${room}/public /etc/shadow; ls -A ${room} /root /home /var /srv /opt; true`,
    );
    assert.equal(ran.out, "");
    const folders = (await run(kind, "ls /")).out.split("\n");
    const known = new Set(["bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "tmp", "usr"]);
    assert.deepEqual(
      folders.filter((each) => !known.has(each)),
      [],
    );
  });

  testKind("a step reaches no server of the machine, and has a loopback of its own", async () => {
    const server = createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const script = `
      const net = require("node:net");
      const own = net.createServer((s) => s.end()).listen(0, "127.0.0.1", () => {
        net.connect(own.address().port, "127.0.0.1").on("connect", () => {
          console.log("own");
          net.connect(${port}, "127.0.0.1").on("connect", () => process.exit(9)).on("error", () => { console.log("none"); process.exit(0); });
        });
      });`;
    const ran = await run(kind, "", { argv: [process.execPath, "-e", script] });
    server.close();
    assert.equal(ran.out, "own\nnone", ran.err);
    assert.equal(ran.isolation.network, "none");
    assert.equal((await run(kind, "grep -c : /proc/net/dev")).out, "1");
  });

  testKind("the root, the toolchain, /etc, /dev and read-only mounts cannot be written; /tmp can", async () => {
    const source = workspace();
    chmodSync(source, 0o777);
    const script =
      "for d in / /usr /etc /dev /proc /data; do touch $d/x 2>/dev/null && echo wrote $d; done; touch /tmp/x /dev/shm/x && echo temporary";
    const ran = await run(kind, script, { mounts: [{ source, target: "/data", readOnly: true }] });
    assert.equal(ran.out, "temporary");
    assert.equal(ran.isolation.rootReadOnly, true);
    assert.deepEqual(readdirSync(source), []);
  });

  testKind("a step is not root, has no capability, and cannot get one", async () => {
    const status = await run(
      kind,
      "id -u; id -g; grep -E 'Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs' /proc/self/status | tr -d ' \\t'",
    );
    const none = "0000000000000000";
    assert.equal(
      status.out,
      `65532\n65532\nCapPrm:${none}\nCapEff:${none}\nCapBnd:${none}\nCapAmb:${none}\nNoNewPrivs:1`,
    );
    const nested = await run(
      kind,
      "unshare --user --map-root-user true && echo nested; mount -t tmpfs x /tmp && echo mounted; true",
    );
    assert.equal(nested.out, "");
  });

  testKind("what a step writes belongs to the step's user outside, never to root", async () => {
    const source = workspace();
    const ran = await run(kind, "echo x > /workspace/f; ls -ln /workspace/f | cut -d ' ' -f 3", {
      mounts: [{ source, target: "/workspace", readOnly: false }],
    });
    assert.equal(ran.out, "65532", ran.err);
    assert.equal(lstatSync(join(source, "f")).uid, root ? 65532 : process.getuid!());
    assert.equal(ran.isolation.userId, root ? "unprivileged" : "caller-mapped");
  });

  testKind("a step sees its own processes alone, and can signal no other", async () => {
    const ran = await run(
      kind,
      `ls -d /proc/[0-9]* | wc -l; kill -0 ${process.pid} 2>/dev/null && echo reached; kill -9 1; true`,
    );
    const [count, ...rest] = ran.out.split("\n");
    assert.ok(Number(count) < 12, ran.out);
    assert.deepEqual(rest, []);
    assert.equal(ran.exitCode, 0);
  });

  testKind("only the environment that was asked for is inside", async () => {
    process.env["SEALWRIGHT_TEST_SECRET"] = "secret";
    const odd = "a 'b' \"c\" $(d) \\ \n e";
    const ran = await run(kind, "", { argv: ["/usr/bin/env", "-0"], env: { PATH: "/usr/bin", ODD: odd } });
    delete process.env["SEALWRIGHT_TEST_SECRET"];
    const names = new TextDecoder()
      .decode(ran.stdout)
      .split("\0")
      .filter((each) => each !== "");
    assert.deepEqual(names.filter((each) => !/^(?:PWD|OLDPWD|SHLVL|_)=/.test(each)).sort(), [
      `ODD=${odd}`,
      "PATH=/usr/bin",
    ]);
  });

  testKind("at its time limit the whole tree of processes is killed", async () => {
    const marker = `7${process.pid}.${kind.length}`;
    const begun = performance.now();
    const ran = await run(kind, `(setsid sleep ${marker} &); setsid sleep ${marker} & sleep ${marker}`, {
      timeoutMs: 1500,
    });
    assert.ok(ran.timedOut && ran.exitCode !== 0);
    assert.ok(performance.now() - begun < 15_000);
    assert.equal(await survivors(marker), 0);
  });

  testKind("what a step leaves running ends with it", async () => {
    const marker = `8${process.pid}.${kind.length}`;
    const ran = await run(kind, `(setsid sleep ${marker} >/dev/null 2>&1 &); echo done`);
    assert.equal(ran.out, "done");
    assert.equal(await survivors(marker), 0);
  });

  testKind("exit code, output and its limit come back as they were", async () => {
    const ran = await run(kind, "echo out; echo err >&2; exit 42");
    assert.deepEqual([ran.exitCode, ran.out, ran.err, ran.truncated], [42, "out", "err", false]);
    const long = await run(kind, "yes | head -c 1000000", { maxOutputBytes: 1000 });
    assert.deepEqual([long.stdout.length, long.truncated, long.exitCode], [1000, true, 0]);
    assert.equal((await run(kind, "", { argv: ["no-such-program"] })).exitCode, 127);
  });

  testKind("nothing of a run stays behind on the machine", async () => {
    const stages = () => readdirSync("/tmp").filter((each) => each.startsWith("sealwright-sandbox-"));
    const before = new Set(stages());
    await run(kind, "true");
    // Other tests make and remove theirs meanwhile.
    for (let tries = 0; tries < 100 && stages().some((each) => !before.has(each)); tries++) await delay(50);
    assert.deepEqual(
      stages().filter((each) => !before.has(each)),
      [],
    );
  });
}

/** Processes of the machine whose arguments hold the marker, given a moment to end. */
async function survivors(marker: string): Promise<number> {
  let found = 0;
  for (let tries = 0; tries < 40; tries++) {
    found = spawnSync("pgrep", ["-f", `^sleep ${marker}$`], { encoding: "utf8" })
      .stdout.split("\n")
      .filter(Boolean).length;
    if (found === 0) return 0;
    await delay(50);
  }
  return found;
}

test("none: a plain child process, and it says so", async () => {
  const ran = await run("none", "echo $((6 * 7))");
  assert.equal(ran.out, "42");
  assert.deepEqual(ran.isolation, { kind: "none", network: "host", userId: "caller", rootReadOnly: false });
});

test("none: at its time limit the tree of processes is killed too", async () => {
  const marker = `9${process.pid}.5`;
  const ran = await run("none", `sleep ${marker} & sleep ${marker}`, { timeoutMs: 300 });
  assert.equal(ran.timedOut, true);
  assert.equal(await survivors(marker), 0);
});

test("an aborted signal kills the command", async () => {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 100);
  const ran = await run("none", "sleep 60", { signal: abort.signal });
  assert.deepEqual([ran.cancelled, ran.timedOut], [true, false]);
});

test("mounts through a link, inside each other, or not absolute are refused", async () => {
  const source = workspace();
  const linked = join(room, "link");
  symlinkSync("/etc", linked);
  const bad: readonly SandboxRequest["mounts"][] = [
    [{ source: linked, target: "/w", readOnly: false }],
    [{ source: `${source}/../..`, target: "/w", readOnly: false }],
    [{ source, target: "/w/../etc", readOnly: false }],
    [{ source, target: "w", readOnly: false }],
    [
      { source, target: "/w", readOnly: false },
      { source, target: "/w/inner", readOnly: false },
    ],
  ];
  for (const mounts of bad) {
    await assert.rejects(runInSandbox(request("unshare", "true", { mounts })), (error) =>
      isProblem(error, "io/sandbox-request"),
    );
  }
});

test("a result is read from a regular file alone: no link, folder, pipe or path is followed", () => {
  const results = workspace();
  writeFileSync(join(room, "target"), "secret");
  symlinkSync(join(room, "target"), join(results, "link"));
  mkdirSync(join(results, "folder"));
  spawnSync("mkfifo", [join(results, "pipe")]);
  writeFileSync(join(results, "good"), "value");
  for (const name of ["link", "folder", "pipe", "../target", "", ".."]) {
    assert.throws(
      () => readResultFile(results, name, 100),
      (error) => isProblem(error, "io/result-unsafe"),
      name,
    );
  }
  assert.equal(new TextDecoder().decode(readResultFile(results, "good", 100)), "value");
  assert.equal(readResultFile(results, "good", 3)!.length, 4);
  assert.equal(readResultFile(results, "absent", 100), undefined);
});

test("detection gives a kind that really works, and the environment can name one", async () => {
  const wanted = process.env["SEALWRIGHT_SANDBOX"];
  delete process.env["SEALWRIGHT_SANDBOX"];
  const kind = await detectSandbox();
  assert.equal((await run(kind, "exit 7")).exitCode, 7);
  process.env["SEALWRIGHT_SANDBOX"] = "none";
  assert.equal(await detectSandbox(), "none");
  process.env["SEALWRIGHT_SANDBOX"] = "cardboard";
  await assert.rejects(detectSandbox(), (error) => isProblem(error, "io/sandbox-request"));
  if (wanted === undefined) delete process.env["SEALWRIGHT_SANDBOX"];
  else process.env["SEALWRIGHT_SANDBOX"] = wanted;
});

test(
  "all of this holds for an ordinary user too",
  { skip: !root && "skipped: not root, so it was tested already" },
  (t) => {
    const home = join(room, "home");
    mkdirSync(home);
    spawnSync("chown", ["12345:12345", home]);
    const readable = spawnSync("setpriv", [
      "--reuid",
      "12345",
      "--regid",
      "12345",
      "--clear-groups",
      process.execPath,
      "--version",
    ]);
    if (readable.status !== 0 || !existsSync("/usr/bin/setpriv"))
      return t.skip("skipped: cannot become another user here");
    const drop = ["--reuid", "12345", "--regid", "12345", "--clear-groups"];
    const self = fileURLToPath(import.meta.url);
    const ran = spawnSync("setpriv", [...drop, process.execPath, "--import", "tsx", "--test", self], {
      encoding: "utf8",
      cwd: join(import.meta.dirname, "..", ".."),
      // Without NODE_TEST_CONTEXT, or the inner run would believe that it is a file of this one.
      env: { PATH: process.env["PATH"], HOME: home },
    });
    assert.equal(ran.status, 0, ran.stdout.slice(-6000) + ran.stderr.slice(-2000));
    assert.match(ran.stdout, /# fail 0|fail 0/);
  },
);
