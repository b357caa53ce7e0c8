import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { base64, concat, fromUtf8, isProblem, utf8 } from "../src/core/index.ts";
import { parsePem } from "../src/crypto/index.ts";
import { type GitObject, verifyGitObject } from "../src/flows/index.ts";
import { readGitObject } from "../src/io/index.ts";
import { gitSignatureLabel, parseSignedGitObject } from "../src/sigstore/index.ts";
import { bundleGitProgram, createRepository, type GitRepository } from "./git-program.ts";
import { type RunningInstance, startInstance } from "./instance.ts";

let instance: RunningInstance;
let program: string;
before(async () => {
  [instance, program] = await Promise.all([startInstance(), bundleGitProgram()]);
});
after(() => instance.close());

const repository = (options?: Parameters<typeof createRepository>[2]): Promise<GitRepository> =>
  createRepository(instance, program, options);

async function objectOf({ folder }: GitRepository, revision = "HEAD", type: "commit" | "tag" = "commit") {
  return { type, ...(await readGitObject(folder, revision, type)) } satisfies GitObject;
}

function verify(object: GitObject, tagName?: string) {
  const identity = [{ subjectAlternativeName: instance.identity, issuer: instance.url }] as const;
  return verifyGitObject(object, { trust: instance.trust, identity, tagName });
}

function code(error: unknown): string {
  assert(isProblem(error), String(error));
  return error.code;
}

async function refused(object: GitObject, expected: string, tagName?: string): Promise<void> {
  assert.throws(
    () => verify(object, tagName),
    (error: unknown) => code(error) === expected || assert.equal(code(error), expected) === undefined,
  );
}

/** The commit with its bytes changed, under the name that it then has. */
async function changed(repo: GitRepository, revision: string, change: (text: string) => string): Promise<string> {
  const text = fromUtf8(await repo.raw("commit", revision));
  const other = change(text);
  assert.notEqual(other, text);
  return repo.write("commit", utf8(other));
}

for (const format of ["sha1", "sha256"] as const) {
  test(`git signs commits and tags with this program and verifies them, in ${format} repositories`, async () => {
    const repo = await repository({ format });
    await repo.get("commit", "--quiet", "--gpg-sign", "--message", "first");
    const shown = await repo.git("verify-commit", "--raw", "HEAD");
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stderr, /^\[GNUPG:\] NEWSIG\n\[GNUPG:\] GOODSIG [0-9A-F]{64} .*\n/);
    assert.match(shown.stderr, /^\[GNUPG:\] TRUST_FULLY /m);
    await repo.get("tag", "--sign", "--message", "release", "v1");
    const tag = await repo.git("verify-tag", "v1");
    assert.equal(tag.code, 0, tag.stderr);
    assert(tag.stderr.includes(`good signature of ${instance.identity} (${instance.url})`), tag.stderr);
    const log = await repo.get("log", "--show-signature", "--format=%G? %GS %GF");
    assert.match(log, /good signature of/);
    assert.match(log, new RegExp(`^G ${instance.identity} \\(${instance.url}\\) [0-9A-F]{64}$`, "m"));
    assert.equal(verify(await objectOf(repo)).identity.subjectAlternativeName, instance.identity);
    assert.equal(verify(await objectOf(repo, "refs/tags/v1", "tag"), "v1").verified.logEntries.length, 1);
  });
}

test("a commit that was changed after it was signed is bad to git and refused", async () => {
  const repo = await repository();
  await repo.get("commit", "--quiet", "-S", "--message", "first");
  const other = await changed(repo, "HEAD", (text) => text.replace("\n\nfirst", "\n\nsecond"));
  const shown = await repo.git("verify-commit", "--raw", other);
  assert.equal(shown.code, 1);
  assert.match(shown.stderr, /^\[GNUPG:\] BADSIG /m);
  assert.doesNotMatch(shown.stderr, /GOODSIG/);
  assert.match((await repo.git("verify-commit", other)).stderr, /crypto\/cms-signature/);
  assert.equal(await repo.get("log", "-1", "--format=%G?", other), "B");
  await refused(await objectOf(repo, other), "crypto/cms-signature");
});

test("a signature moved to another commit or from a tag to a commit is refused", async () => {
  const repo = await repository();
  await repo.get("commit", "--quiet", "-S", "--message", "first");
  await repo.get("commit", "--quiet", "-S", "--allow-empty", "--message", "second");
  const signature = (text: string): string => /^gpgsig [^]*? -----END SIGNED MESSAGE-----\n/m.exec(text)![0];
  const first = signature(fromUtf8(await repo.raw("commit", "HEAD~")));
  const swapped = await changed(repo, "HEAD", (text) => text.replace(signature(text), first));
  await refused(await objectOf(repo, swapped), "crypto/cms-signature");
  await repo.get("tag", "--sign", "--message", "release", "v1");
  const ofTag = parseSignedGitObject("tag", await repo.raw("tag", "v1"), "sha1").signature;
  const lines = fromUtf8(ofTag).trimEnd().replaceAll("\n", "\n ");
  const fromTag = await changed(repo, "HEAD", (text) => text.replace(signature(text), `gpgsig ${lines}\n`));
  await refused(await objectOf(repo, fromTag), "crypto/cms-signature");
});

test("a signer who is not expected, and one where nobody is, fail, and git is told which", async () => {
  const other = `${instance.url}/users/mallory`;
  const repo = await repository({ token: await instance.token({ build_signer_uri: other }, other) });
  await repo.get("commit", "--quiet", "-S", "--message", "first");
  const shown = await repo.git("verify-commit", "--raw", "HEAD");
  assert.equal(shown.code, 1);
  assert.match(shown.stderr, /^\[GNUPG:\] GOODSIG .*mallory.*\n.*\n\[GNUPG:\] TRUST_NEVER$/m);
  assert.equal(await repo.get("log", "-1", "--format=%G?"), "U");
  await refused(await objectOf(repo), "sigstore/identity-mismatch");
  await repo.get("config", "--unset", "sealwright.signer");
  const unasked = await repo.git("verify-commit", "--raw", "HEAD");
  assert.equal(unasked.code, 1);
  assert.match(unasked.stderr, /^\[GNUPG:\] TRUST_UNDEFINED$/m);
  const told = await repo.git("verify-commit", "HEAD");
  assert(told.stderr.includes(`git config --add sealwright.signer "${other} ${instance.url}"`), told.stderr);
});

test("a merge of unexpectedly signed work is refused by git --verify-signatures", async () => {
  const repo = await repository();
  await repo.get("commit", "--quiet", "-S", "--message", "first");
  await repo.get("switch", "--quiet", "--create", "side");
  await repo.get("commit", "--quiet", "-S", "--allow-empty", "--message", "side");
  await repo.get("switch", "--quiet", "-");
  await repo.get("commit", "--quiet", "-S", "--allow-empty", "--message", "main");
  await repo.get("config", "sealwright.signer", `jo@example.com ${instance.url}`);
  const bad = await repo.git("merge", "--verify-signatures", "--no-edit", "side");
  assert.equal(bad.code, 128);
  assert.match(bad.stderr, /untrusted/);
  await repo.get("config", "sealwright.signer", `${instance.identity} ${instance.url}`);
  const good = await repo.git("merge", "--verify-signatures", "--no-edit", "-S", "side");
  assert.equal(good.code, 0, good.stderr);
  verify(await objectOf(repo));
});

test("a merged tag's own signature, inside the merge, is not the merge's", async () => {
  const repo = await repository();
  await repo.get("commit", "--quiet", "--message", "first");
  await repo.get("switch", "--quiet", "--create", "side");
  await repo.get("commit", "--quiet", "--allow-empty", "--message", "side");
  await repo.get("tag", "--sign", "--message", "release", "v1");
  await repo.get("switch", "--quiet", "-");
  await repo.get("commit", "--quiet", "--allow-empty", "--message", "main");
  await repo.get("merge", "--quiet", "--no-edit", "v1");
  assert.match(fromUtf8(await repo.raw("commit", "HEAD")), /^mergetag object/m);
  await refused(await objectOf(repo), "git/unsigned");
  await repo.get("commit", "--quiet", "--amend", "--no-edit", "-S");
  assert.match(fromUtf8(await repo.raw("commit", "HEAD")), /^mergetag object/m);
  verify(await objectOf(repo));
  assert.equal((await repo.git("verify-commit", "HEAD")).code, 0);
});

test("objects with a header twice, out of place, cut off or with a second signature are refused", async () => {
  const repo = await repository();
  await repo.get("commit", "--quiet", "-S", "--message", "first");
  const tree = await repo.get("rev-parse", "HEAD^{tree}");
  const gpgsig = (text: string): string => /^gpgsig [^]*? -----END SIGNED MESSAGE-----\n/m.exec(text)![0];
  const changes: Readonly<Record<string, (text: string) => string>> = {
    "another tree before": (text) => `tree ${tree.replaceAll(/./g, "0")}\n${text}`,
    "another tree after": (text) => text.replace(/^(tree .*\n)/, `$1tree ${tree.replaceAll(/./g, "0")}\n`),
    "another author": (text) => text.replace(/^(author .*\n)/m, "$1author Eve <eve@example.com> 1 +0000\n"),
    "a parent after the committer": (text) => text.replace(/^(committer .*\n)/m, `$1parent ${tree}\n`),
    "the signature twice": (text) => text.replace(gpgsig(text), gpgsig(text).repeat(2)),
    "a nameless header": (text) => text.replace(/^(committer .*\n)/m, "$1 continued\nname\n"),
    "no end of the headers": (text) => text.split("\n\n")[0] as string,
    "a NUL byte": (text) => `${text}\0hidden`,
  };
  for (const [what, change] of Object.entries(changes)) {
    const object = await objectOf(repo);
    const bytes = utf8(change(fromUtf8(object.bytes)));
    assert.throws(
      () => parseSignedGitObject("commit", bytes, "sha1"),
      (error: unknown) => isProblem(error, "git/object-invalid"),
      what,
    );
  }
});

test("a commit with signatures for both object formats is verified by that of the repository's", async () => {
  const repo = await repository();
  await repo.get("commit", "--quiet", "-S", "--message", "first");
  const both = await changed(repo, "HEAD", (text) =>
    text.replace(
      "\n\nfirst",
      "\ngpgsig-sha256 -----BEGIN SIGNED MESSAGE-----\n AAAA\n -----END SIGNED MESSAGE-----\n\nfirst",
    ),
  );
  verify(await objectOf(repo, both));
  assert.equal((await repo.git("verify-commit", both)).code, 0);
});

test("a tag under another's name is refused, though git takes it", async () => {
  const repo = await repository();
  await repo.get("commit", "--quiet", "--message", "first");
  await repo.get("tag", "--sign", "--message", "old", "v1");
  await repo.get("update-ref", "refs/tags/v2", await repo.get("rev-parse", "v1"));
  assert.equal((await repo.git("verify-tag", "v2")).code, 0);
  await refused(await objectOf(repo, "refs/tags/v2", "tag"), "git/name-mismatch", "v2");
  verify(await objectOf(repo, "refs/tags/v2", "tag"), "v1");
});

test("a tag with a second signature or text after its signature is refused", async () => {
  const repo = await repository();
  await repo.get("commit", "--quiet", "--message", "first");
  await repo.get("tag", "--sign", "--message", "release", "v1");
  const bytes = await repo.raw("tag", "v1");
  const { signature } = parseSignedGitObject("tag", bytes, "sha1");
  const object = await objectOf(repo, "v1", "tag");
  const under = async (other: Uint8Array): Promise<GitObject> => ({
    ...object,
    name: await repo.write("tag", other),
    bytes: other,
  });
  await refused(await under(concat(bytes, signature)), "git/object-invalid");
  await refused(await under(concat(bytes, utf8("and more\n"))), "crypto/pem-invalid");
});

test("an object that git replaces is verified as it is, and another one under its name is refused", async () => {
  const repo = await repository();
  await repo.get("commit", "--quiet", "-S", "--message", "first");
  const name = await repo.get("rev-parse", "HEAD");
  const other = await changed(repo, "HEAD", (text) => text.replace("\n\nfirst", "\n\nsecond"));
  await repo.get("replace", name, other);
  const object = await objectOf(repo, name);
  verify(object);
  await refused({ ...object, bytes: await repo.raw("commit", name) }, "git/name-mismatch");
});

test("signatures of OpenPGP and SSH, and commits without any, are refused for what they are", async () => {
  const repo = await repository();
  await repo.get("commit", "--quiet", "--message", "first");
  await refused(await objectOf(repo), "git/unsigned");
  for (const label of ["PGP SIGNATURE", "SSH SIGNATURE", "CERTIFICATE"]) {
    const armour = `-----BEGIN ${label}-----\n AAAA\n -----END ${label}-----`;
    const other = await changed(repo, "HEAD", (text) => text.replace("\n\n", `\ngpgsig ${armour}\n\n`));
    await refused(await objectOf(repo, other), "git/signature-unsupported");
  }
});

test("a signature made under an organisation that is not trusted is bad", async (t) => {
  const others = await startInstance(t);
  const repo = await createRepository(others, program);
  await repo.get("commit", "--quiet", "-S", "--message", "first");
  await repo.get("config", "sealwright.dir", instance.folder);
  const shown = await repo.git("verify-commit", "--raw", "HEAD");
  assert.equal(shown.code, 1);
  assert.match(shown.stderr, /^\[GNUPG:\] BADSIG /m);
  assert.match((await repo.git("verify-commit", "HEAD")).stderr, /sigstore\//);
});

test("with a trusted root in a file nothing is asked of any service to verify", async () => {
  const repo = await repository();
  await repo.get("commit", "--quiet", "-S", "--message", "first");
  await repo.get("config", "sealwright.trustedRoot", "~/trusted_root.json");
  const before = instance.requests.length;
  assert.equal((await repo.git("verify-commit", "HEAD")).code, 0);
  assert.equal(instance.requests.length, before);
});

test("without an identity, with another than user.signingkey, or with a wrong setting git makes no commit", async () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["user.signingkey", "jo@example.com", /sigstore\/identity-mismatch/],
    ["sealwright.signr", "x", /cli\/git-config/],
    ["sealwright.signer", "jo@example.com", /cli\/git-config/],
    ["sealwright.dir", "/nonexistent", /organisation\/missing/],
  ];
  for (const [name, value, said] of cases) {
    const repo = await repository();
    await repo.get("config", name, value);
    const made = await repo.git("commit", "--quiet", "-S", "--message", "first");
    assert.equal(made.code, 128, name);
    const ran = await repo.program(["--status-fd=2", "-bsau", await repo.key()], utf8("payload"));
    assert.notEqual(ran.code, 0);
    assert.equal(ran.stdout, "");
    assert.match(ran.stderr, said);
    assert.equal((await repo.git("rev-parse", "--verify", "--quiet", "HEAD")).code, 1);
  }
  const named = await repository();
  await named.get("config", "user.signingkey", instance.identity);
  await named.get("commit", "--quiet", "-S", "--message", "first");
  const nobody = await repository({ token: "not.a.token" });
  const made = await nobody.git("commit", "--quiet", "-S", "--message", "first");
  assert.equal(made.code, 128);
  assert.match((await nobody.program(["-bsau", "Jo <jo@example.com>"], utf8("payload"))).stderr, /oidc\//);
});

test("openssl verifies the message by the certificate authority alone", async () => {
  const repo = await repository();
  await repo.get("commit", "--quiet", "-S", "--message", "first");
  const { payload, signature } = parseSignedGitObject("commit", await repo.raw("commit", "HEAD"), "sha1");
  const anchor = instance.trust.certificateAuthorities[0]!.chain.at(-1)!;
  const put = (name: string, content: string | Uint8Array) => writeFile(join(repo.folder, name), content);
  await put("payload", payload);
  await put("signature.der", parsePem(fromUtf8(signature), gitSignatureLabel)[0]!);
  await put("root.pem", `-----BEGIN CERTIFICATE-----\n${base64(anchor.raw)}\n-----END CERTIFICATE-----\n`);
  const { runFile } = await import("./git-program.ts");
  const args = "cms -verify -binary -inform DER -in signature.der -content payload -CAfile root.pem -purpose any";
  const ran = await runFile("openssl", args.split(" "), { cwd: repo.folder, env: process.env });
  assert.equal(ran.code, 0, ran.stderr);
  await put("payload", concat(payload, utf8("x")));
  assert.notEqual((await runFile("openssl", args.split(" "), { cwd: repo.folder, env: process.env })).code, 0);
});
