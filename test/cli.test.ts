import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import {
  cleanEnvironment,
  createExample,
  createOrganisation,
  type Example,
  mainFile,
  type Ran,
  repositoryFolder,
  run,
  type Started,
  temporaryFolder,
} from "./program.ts";

/** What is left to do at the end. A hook may not leave it to its suite: its own end would be taken for the suite's. */
const undone: (() => void)[] = [];
after(() => undone.forEach((undo) => undo()));

const verbs = ["init", "up", "build", "verify", "check", "demo", "completion"];
const nowhere = { cwd: temporaryFolder() };

function errorOf({ stderr }: Ran): { code: string | undefined; hint: string | undefined } {
  const code = /^error: .* \[([a-z0-9/-]+)\]$/m.exec(stderr)?.[1];
  return { code, hint: /^ {2}next: (.+)$/m.exec(stderr)?.[1] };
}

/** Fails unless the text is one JSON document. */
function documentOf({ stdout }: Ran): Record<string, unknown> {
  return JSON.parse(stdout) as Record<string, unknown>;
}

test("--version prints the version of package.json and nothing else", async () => {
  const { version } = JSON.parse(readFileSync(join(repositoryFolder, "package.json"), "utf8")) as { version: string };
  for (const args of [["--version"], ["-V"]]) {
    const { code, stdout, stderr } = await run(args, nowhere);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${version}\n`, stderr: "" });
  }
});

test("--help names every verb, and every verb has help of its own", async () => {
  const { code, stdout } = await run(["--help"], nowhere);
  assert.equal(code, 0);
  for (const verb of verbs) assert.match(stdout, new RegExp(`^  ${verb}\\b`, "m"));
  for (const verb of verbs) {
    const help = await run([verb, "--help"], nowhere);
    assert.equal(help.code, 0);
    assert.match(help.stdout, new RegExp(`^Usage: sealwright ${verb}\\b`));
  }
});

const misuses: readonly (readonly string[])[] = [
  [],
  ["frobnicate"],
  ["verify"],
  ["verify", "a", "--frobnicate"],
  ["verify", "a", "b"],
  ["verify", "package.json"],
  ["up", "--port", "http"],
  ["up", "--port", "65536"],
  ["build", "--param", "novalue"],
  ["--output", "xml", "check", "a"],
  ["completion", "--shell", "tcsh"],
];
for (const args of misuses) {
  test(`\`sealwright ${args.join(" ")}\` is a usage error, said once and with what to do next`, async () => {
    const ran = await run(args, { cwd: repositoryFolder });
    assert.equal(ran.code, 2);
    assert.equal(ran.stdout, "");
    const { code, hint } = errorOf(ran);
    assert.equal(code, "cli/usage");
    assert.ok(hint !== undefined);
    assert.equal(ran.stderr.match(/^error: /gm)?.length, 1);
    assert.ok(!ran.stderr.includes("because:"));
  });
}

test("a verb that is nearly right is suggested", async () => {
  assert.match(errorOf(await run(["buidl"], nowhere)).hint ?? "", /^Did you mean build\?/);
});

for (const [shell, check] of [
  ["bash", ["-n"]],
  ["zsh", ["-n"]],
  ["fish", ["--no-execute"]],
] as const) {
  test(`the completion script for ${shell} is one that ${shell} accepts`, async (t) => {
    const { code, stdout } = await run(["completion", "--shell", shell], nowhere);
    assert.equal(code, 0);
    for (const verb of verbs) assert.ok(stdout.includes(verb), verb);
    const file = join(nowhere.cwd, `completion.${shell}`);
    writeFileSync(file, stdout);
    const parsed = spawnSync(shell, [...check, file], { encoding: "utf8" });
    if (parsed.error !== undefined) return t.skip(`skipped: ${shell} is not installed`);
    assert.equal(parsed.status, 0, parsed.stderr);
  });
}

test("the completion script completes verbs, their options and files in bash", async () => {
  const { stdout } = await run(["completion", "--shell", "bash"], nowhere);
  const complete = (...words: readonly string[]): string[] => {
    const script = `${stdout}COMP_WORDS=(sealwright "$@"); COMP_CWORD=$#; _sealwright; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync("bash", ["-c", script, "-", ...words], { encoding: "utf8", cwd: repositoryFolder })
      .trimEnd()
      .split("\n");
  };
  assert.deepEqual(complete("ver"), ["verify"]);
  assert.deepEqual(complete("verify", "--bu"), ["--bundle"]);
  assert.deepEqual(complete("check", "package-l"), ["package-lock.json"]);
});

test("colours are for terminals that want them", (t) => {
  const args = `'${process.execPath}' '${mainFile}' check nothing`;
  const onTerminal = (env: Readonly<Record<string, string>>) =>
    spawnSync("script", ["-qec", args, "/dev/null"], {
      cwd: nowhere.cwd,
      env: { ...cleanEnvironment(nowhere.cwd), ...env },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const plain = onTerminal({});
  if (plain.error !== undefined || /usage:|illegal option/i.test(plain.stderr))
    return t.skip("skipped: no `script` of util-linux to make a terminal with");
  assert.ok(plain.stdout.includes("\u001b[31merror\u001b[0m"), JSON.stringify(plain.stdout));
  assert.ok(!onTerminal({ NO_COLOR: "1" }).stdout.includes("\u001b"));
  assert.ok(onTerminal({ NO_COLOR: "" }).stdout.includes("\u001b"), "an empty NO_COLOR says nothing");
});

describe("an organisation that was made", () => {
  let made: Example;
  before(async () => {
    made = await createOrganisation({ after: (undo) => undone.push(undo) });
  });

  test("is refused by a second init and left as it was", async () => {
    const before = snapshotOf(made.organisation);
    assert.ok(before.size > 20);
    const ran = await made.run("init", "--name", "other", "--url", "http://127.0.0.1:1");
    assert.equal(ran.code, 2);
    assert.equal(errorOf(ran).code, "organisation/exists");
    assert.deepEqual(snapshotOf(made.organisation), before);
  });

  test("has private keys in files of mode 0600 in a folder that is nobody else's, and nowhere else", () => {
    const keys = join(made.organisation, "keys");
    assert.equal(statSync(keys).mode & 0o077, 0);
    const names = readdirSync(keys);
    assert.equal(names.length, 14);
    for (const name of names) {
      assert.equal(statSync(join(keys, name)).mode & 0o777, 0o600, name);
      assert.match(readFileSync(join(keys, name), "latin1"), /^-----BEGIN PRIVATE KEY-----/);
    }
    for (const [path, content] of snapshotOf(made.organisation))
      if (!path.startsWith("keys/")) assert.ok(!content.includes("PRIVATE KEY"), path);
  });
});

function snapshotOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) =>
    statSync(join(folder, path)).isFile(),
  );
  return new Map(files.map((path) => [path, readFileSync(join(folder, path), "latin1")]));
}

for (const [what, args, code, exitCode] of [
  ["a name that is no part of an address", ["--project", "a/b"], "organisation/project", 2],
  ["an address with a path", ["--url", "http://127.0.0.1:1/x"], "organisation/url", 2],
  ["a policy that no consumer could read", ["--policy", "package-lock.json"], "policy/document-invalid", 1],
  ["a pipeline that is not there", ["--pipeline", "nowhere.yaml"], "io/not-found", 2],
] as const) {
  test(`init refuses ${what} before it makes a key`, async () => {
    const folder = temporaryFolder();
    const ran = await run(["init", "--dir", join(folder, "acme"), ...args], { cwd: createExample(folder) });
    assert.deepEqual([errorOf(ran).code, ran.code], [code, exitCode]);
    assert.throws(() => statSync(join(folder, "acme")), { code: "ENOENT" });
  });
}

describe("a release, verified", () => {
  let made: Example;
  let serving: Started;
  let release: string;
  let artifact: string;
  let bundle: string;

  before(async () => {
    made = await createOrganisation({ after: (undo) => undone.push(undo) });
    release = join(made.folder, "release");
    artifact = join(release, "hello-1.0.0.tar");
    bundle = `${artifact}.provenance.sigstore.json`;
    serving = await made.up();
  });
  after(async () => {
    await serving.end();
  });

  test("build prints one JSON document, and progress beside it", async () => {
    const ran = await made.run("build", "--release", release, "--output", "json");
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.equal((documentOf(ran)["artifact"] as { name: string }).name, "hello-1.0.0.tar");
    assert.match(ran.stderr, /task pack/);
  });

  test("build replaces nothing but a release", async () => {
    const mine = join(made.folder, "mine");
    mkdirSync(mine);
    writeFileSync(join(mine, "package-lock.json"), "mine");
    const ran = await made.run("build", "--release", mine);
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, /build\/release-folder/);
    assert.equal(readFileSync(join(mine, "package-lock.json"), "utf8"), "mine");
    const idle = await made.run("verify", artifact, "--release", release, "--key", join(mine, "package-lock.json"));
    assert.equal(idle.code, 2);
    assert.match(idle.stderr, /--key does not go with/);
  });

  test("build needs of the keys only those that docs/keys.md says are the builder's", async () => {
    const dir = join(made.folder, "builder");
    for (const part of [
      "organisation.json",
      "root.json",
      "tuf.sqlite",
      "tuf-targets",
      "keys/oidc.pem",
      "keys/builder.pem",
    ])
      cpSync(join(made.organisation, part), join(dir, part), { recursive: true });
    const ran = await made.run("build", "--dir", dir, "--release", join(made.folder, "elsewhere"));
    assert.equal(ran.code, 0, ran.stderr);
  });

  test("exit code 0: the bundle holds, the release is admitted", async () => {
    const all = ["--bundle", bundle, "--bundle", `${artifact}.sigstore.json`];
    assert.equal((await made.run("verify", artifact, ...all)).code, 0);
    const summary = join(made.folder, "vsa.json");
    assert.equal((await made.run("verify", artifact, "--release", release, "--vsa", summary)).code, 0);
    assert.ok(statSync(summary).size > 0);
    const type = ["--type", "https://slsa.dev/verification_summary/v1"];
    const key = findFile(join(made.folder, ".config"), "verifier.pub");
    assert.equal((await made.run("verify", artifact, "--bundle", summary, "--key", key, ...type)).code, 0);
    const other = join(made.folder, "other-file");
    writeFileSync(other, "other");
    assert.equal((await made.run("verify", other, "--bundle", summary, "--key", key, ...type)).code, 1);
  });

  test("a digest stands for the file", async () => {
    const { stdout } = await made.run("verify", artifact, "--release", release, "-o", "json");
    const { digests } = (JSON.parse(stdout) as { decision: { subject: { digests: { sha256: string } } } }).decision
      .subject;
    assert.equal((await made.run("verify", `sha256:${digests.sha256}`, "--bundle", bundle)).code, 0);
    assert.equal((await made.run("verify", `sha256:${"0".repeat(64)}`, "--bundle", bundle)).code, 1);
  });

  test("exit code 1: a changed artifact, another signer, another issuer, another kind of statement", async () => {
    const changed = join(made.folder, "changed.tar");
    copyFileSync(artifact, changed);
    appendFileSync(changed, "x");
    const identity = `${made.url}/projects/hello/.tekton/release.yaml`;
    const named = (identified: string, issuer: string) => {
      const signer = ["--certificate-identity", identified, "--certificate-oidc-issuer", issuer];
      return ["--bundle", bundle, ...signer];
    };
    const cases: readonly [string, readonly string[], string | undefined][] = [
      [changed, ["--bundle", bundle], "sigstore/subject-mismatch"],
      [changed, ["--bundle", `${artifact}.sigstore.json`], "sigstore/digest-mismatch"],
      [changed, ["--release", release], undefined],
      [artifact, named(`${identity}x`, made.url), "sigstore/identity-mismatch"],
      [artifact, named(identity, "https://issuer.example"), "sigstore/issuer-mismatch"],
      [artifact, ["--bundle", bundle, "--type", "https://example.com/other"], "sigstore/predicate-type-mismatch"],
    ];
    assert.equal((await made.run("verify", artifact, ...named(identity, made.url))).code, 0);
    for (const [file, args, code] of cases) {
      const ran = await made.run("verify", file, ...args);
      assert.deepEqual([ran.code, errorOf(ran).code], [1, code], `${args.join(" ")}\n${ran.stderr}`);
    }
  });

  test("exit code 2: nothing was found, because something was not there", async () => {
    const cases: readonly [readonly string[], string][] = [
      [["verify", join(made.folder, "nowhere"), "--bundle", bundle], "io/not-found"],
      [["verify", artifact, "--bundle", join(made.folder, "nowhere")], "io/not-found"],
      [["verify", artifact, "--release", made.folder], "io/not-found"],
      [["verify", artifact, "--bundle", bundle, "--mirror", "http://127.0.0.1:1/tuf"], "io/unreachable"],
      [["verify", artifact, "--bundle", bundle, "--dir", made.folder], "organisation/missing"],
      [["check", ".tekton/release.yaml"], "packages/lockfile-unsupported"],
      [["check", "package-lock.json", "--advisories", release], "advisories/folder-invalid"],
      [["build", "--dir", made.folder], "organisation/missing"],
    ];
    for (const [args, code] of cases) {
      const ran = await made.run(...args);
      assert.deepEqual([ran.code, errorOf(ran).code], [2, code], `${args.join(" ")}\n${ran.stderr}`);
    }
  });

  test("an identity without its issuer, and a trusted root without an identity, are refused", async () => {
    const half = await made.run("verify", artifact, "--bundle", bundle, "--certificate-identity", "x");
    assert.deepEqual([half.code, errorOf(half).code], [2, "cli/usage"]);
    const root = join(made.folder, "trusted_root.json");
    writeFileSync(root, "{}");
    const anybody = await made.run("verify", artifact, "--bundle", bundle, "--trusted-root", root);
    assert.deepEqual([anybody.code, errorOf(anybody).code], [2, "cli/usage"]);
  });

  test("verify and check print exactly one JSON document, whatever comes of it", async () => {
    const verify = ["verify", artifact, "-o", "json"] as const;
    const admitted = documentOf(await made.run(...verify, "--release", release));
    assert.equal((admitted["decision"] as { outcome: string }).outcome, "admitted");
    assert.equal(documentOf(await made.run(...verify, "--bundle", bundle))["verified"], true);
    const refused = await made.run("verify", mainFile, "--bundle", bundle, "--output", "json");
    assert.equal((documentOf(refused)["error"] as { code: string }).code, "sigstore/subject-mismatch");
    assert.equal(refused.stderr, "");
    const checked = documentOf(await made.run("check", "package-lock.json", "--output", "json"));
    assert.equal((checked["decision"] as { outcome: string }).outcome, "admitted");
  });

  test("a release folder holds no private key", () => {
    for (const [path, content] of snapshotOf(release)) assert.ok(!content.includes("PRIVATE KEY"), path);
  });

  test("a failing step ends the build with exit code 1 and shows what the step said", async () => {
    const folder = temporaryFolder();
    const project = createExample(folder);
    writeFileSync(join(project, "hello.sh"), "echo sorry; exit 3\n");
    const git = ["-C", project, "-c", "user.name=t", "-c", "user.email=t@example.com"];
    execFileSync("git", [...git, "commit", "--quiet", "--all", "--message", "broken"]);
    const ran = await run(["build", "--dir", made.organisation], { cwd: project });
    assert.deepEqual([ran.code, errorOf(ran).code], [1, "build/failed"]);
    assert.match(ran.stderr, /task test/);
    assert.throws(() => statSync(join(project, "release")), { code: "ENOENT" });
  });
});

test("init prints one JSON document", async () => {
  const folder = temporaryFolder();
  const ran = await run(["-o", "json", "init", "--dir", join(folder, "acme")], { cwd: createExample(folder) });
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal((documentOf(ran)["organisation"] as { name: string }).name, "hello");
});

test("--quiet says nothing but the result", async () => {
  const folder = temporaryFolder();
  const args = ["--quiet", "init", "--dir", join(folder, "acme")];
  const { stdout, stderr } = await run(args, { cwd: createExample(folder) });
  assert.equal(stderr, "");
  assert.ok(!stdout.includes("private keys"));
});

test("demo says that it needs a clone where there is none, or only somebody else's", async () => {
  const folder = temporaryFolder();
  const installed = join(folder, "installed");
  mkdirSync(installed);
  for (const part of ["dist", "data", "package.json"])
    cpSync(join(repositoryFolder, part), join(installed, part), { recursive: true });
  const demo = (): Ran => {
    const program = [join(installed, "dist", "main.js"), "demo", "--keep", join(folder, "kept")];
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, program, {
      cwd: repositoryFolder,
      env: cleanEnvironment(folder),
      encoding: "utf8",
    });
    return { code: status, signal, stdout, stderr };
  };
  const assertRefused = (ran: Ran): void => {
    assert.deepEqual([ran.code, errorOf(ran).code], [2, "io/not-a-clone"], ran.stderr);
    assert.match(errorOf(ran).hint ?? "", /clone the repository/);
    assert.throws(() => statSync(join(folder, "kept")), { code: "ENOENT" });
  };
  assertRefused(demo());
  const git = ["-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.com"];
  execFileSync("git", [...git, "init", "--quiet"]);
  execFileSync("git", [...git, "commit", "--quiet", "--allow-empty", "--message", "not sealwright"]);
  assertRefused(demo());
});

test("a folder that cannot be written gives io/write and exit code 2", async (t) => {
  const folder = unwritable(t);
  if (folder === undefined) return;
  const ran = await run(["init", "--dir", join(folder, "acme")], { cwd: createExample(temporaryFolder()) });
  assert.deepEqual([ran.code, errorOf(ran).code], [2, "io/write"], ran.stderr);
});

/** Read-only by its mode or, for root whom no mode stops, a tiny file system that is full. */
function unwritable(t: TestContext): string | undefined {
  const folder = temporaryFolder();
  if (process.getuid?.() !== 0) {
    chmodSync(folder, 0o500);
    return folder;
  }
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", folder]).status !== 0) {
    t.skip("skipped: root may not mount a tmpfs here");
    return undefined;
  }
  t.after(() => spawnSync("umount", [folder]));
  return folder;
}

function findFile(folder: string, name: string): string {
  const found = readdirSync(folder, { recursive: true, encoding: "utf8" }).find((path) => path.endsWith(name));
  assert.ok(found !== undefined, `${name} is below ${folder}`);
  return join(folder, found);
}
