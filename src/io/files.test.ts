import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isProblem, type ProblemCode, utf8 } from "../core/index.ts";
import { readIfThere, remove, write } from "./files.ts";
import { committedDigests, headCommit, mirrorCommit, readCommitted } from "./git.ts";
import { folderDigest, measureFile, measureFolder } from "./measure.ts";

const room = mkdtempSync(join(tmpdir(), "sealwright-test-"));
after(() => rmSync(room, { recursive: true, force: true }));

let serial = 0;
function folder(): string {
  const path = join(room, String(serial++));
  mkdirSync(path);
  return path;
}

async function refused(promise: Promise<unknown>, code: ProblemCode): Promise<void> {
  await assert.rejects(promise, (error) => isProblem(error, code));
}

test("a private file is readable by its owner alone, and is never written over when it must be new", async () => {
  const path = join(folder(), "sub", "key.pem");
  await write(path, utf8("one"), { private: true, isNew: true });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await refused(write(path, utf8("two"), { private: true, isNew: true }), "io/exists");
  assert.equal(readFileSync(path, "utf8"), "one");
  assert.deepEqual(readdirSync(join(path, "..")), ["key.pem"]);
});

test("a write that fails leaves the old content and nothing beside it", async () => {
  const at = folder();
  await write(join(at, "file"), utf8("old"));
  mkdirSync(join(at, "taken"));
  await refused(write(join(at, "taken"), utf8("new")), "io/write");
  assert.deepEqual(readdirSync(at).sort(), ["file", "taken"]);
});

test("a read is bounded, and a pipe in a file's place is refused without waiting for it", async () => {
  const at = folder();
  writeFileSync(join(at, "file"), "12345");
  await refused(readIfThere(join(at, "file"), 4), "io/too-large");
  execFileSync("mkfifo", [join(at, "pipe")]);
  await refused(readIfThere(join(at, "pipe"), 4), "io/read");
  assert.equal(await readIfThere(join(at, "missing"), 4), undefined);
  symlinkSync("file", join(at, "link"));
  await refused(readIfThere(join(at, "link"), 10, { noFollow: true }), "io/read");
  await remove(join(at, "file"));
  await remove(join(at, "file"));
  assert.equal(await readIfThere(join(at, "file"), 4), undefined);
});

test("what is neither file nor folder is not measured, and neither is a name that is not UTF-8", async () => {
  const linked = folder();
  symlinkSync("/etc/hostname", join(linked, "link"));
  await refused(measureFolder(linked), "io/irregular-file");
  assert.throws(
    () => measureFile(join(linked, "link")),
    (error) => isProblem(error, "io/read"),
  );
  const piped = folder();
  execFileSync("mkfifo", [join(piped, "pipe")]);
  await refused(measureFolder(piped), "io/irregular-file");
  const named = folder();
  writeFileSync(Buffer.concat([Buffer.from(`${named}/a`), Buffer.from([0xff]), Buffer.from(".js")]), "EVIL");
  await refused(measureFolder(named), "io/irregular-file");
  await refused(folderDigest(named), "io/irregular-file");
});

test("a folder's digest changes with every content, name and link", async () => {
  const at = folder();
  writeFileSync(join(at, "a"), "1");
  const digests = new Set([await folderDigest(at)]);
  writeFileSync(join(at, "a"), "2");
  digests.add(await folderDigest(at));
  symlinkSync("a", join(at, "b"));
  digests.add(await folderDigest(at));
  rmSync(join(at, "b"));
  symlinkSync("/", join(at, "b"));
  digests.add(await folderDigest(at));
  assert.equal(digests.size, 4);
});

test("git answers for the folder it is asked about, whatever the caller's own environment names", async () => {
  const git = (at: string, ...args: string[]) =>
    execFileSync("git", ["-C", at, "-c", "user.name=n", "-c", "user.email=n@example.com", ...args], {
      encoding: "utf8",
    });
  const [wanted, other] = [folder(), folder()];
  for (const at of [wanted, other]) {
    git(at, "init", "-q", "-b", "main");
    writeFileSync(join(at, "file"), at);
    git(at, "add", ".");
    git(at, "commit", "-qm", "one");
  }
  process.env["GIT_DIR"] = join(other, ".git");
  try {
    const { revision, ref } = await headCommit(wanted);
    assert.equal(ref, "refs/heads/main");
    const mirror = join(folder(), "mirror.git");
    await mirrorCommit(wanted, revision, mirror);
    assert.equal(Buffer.from((await readCommitted(mirror, revision, "file", 1000)) ?? []).toString(), wanted);
    assert.deepEqual([...(await committedDigests(wanted, revision)).keys()], ["file"]);
  } finally {
    delete process.env["GIT_DIR"];
  }
  assert.equal(git(other, "branch", "--list").trim(), "* main");
});

test("a source with links in it is not taken for files", async () => {
  const at = folder();
  execFileSync("git", ["-C", at, "init", "-q"]);
  symlinkSync("/etc/passwd", join(at, "link"));
  execFileSync("git", ["-C", at, "add", "."]);
  execFileSync("git", ["-C", at, "-c", "user.name=n", "-c", "user.email=n@example.com", "commit", "-qm", "one"]);
  const { revision } = await headCommit(at);
  await refused(committedDigests(at, revision), "io/git-tree");
});
