// gitsign signs and verifies commits beside us: what git makes with either as its program, git verifies with the other.
// Runs where SEALWRIGHT_PEERS_GITSIGN names its program. gitsign 0.17 asks Fulcio's first API for a certificate, which we
// do not serve, so that a shim here translates. Its logs are the stand-in of Rekor v1 (test/rekor-v1.ts) and our own of
// v2; it writes to both, and verifies what has an entry of v1 and no timestamp.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { createServiceClient, paths } from "../../src/api/index.ts";
import { fromUtf8, type Json, type JsonObject, parseJson } from "../../src/core/index.ts";
import { encodePem, encodePublicKeyPem, parsePublicKey } from "../../src/crypto/index.ts";
import { request } from "../../src/io/index.ts";
import { parseTrustedRoot, prepareTrust, signingCertificateRequestJson } from "../../src/sigstore/index.ts";
import { bundleGitProgram, createRepository, type GitRepository } from "../git-program.ts";
import { type RunningInstance, startInstance } from "../instance.ts";
import { type RekorV1, startRekorV1 } from "../rekor-v1.ts";

const gitsign = process.env["SEALWRIGHT_PEERS_GITSIGN"];
let instance: RunningInstance;
let program: string;
before(async () => {
  if (gitsign === undefined) return;
  [instance, program] = await Promise.all([startInstance(), bundleGitProgram()]);
});
after(() => instance?.close());

/** Fulcio's `POST /api/v1/signingCert` by way of ours: a chain in PEM for a key, a proof and a token. */
async function startFulcioV1(t: TestContext): Promise<string> {
  const { url } = instance;
  const services = createServiceClient({ ca: url, log: url, tsa: url + paths.timestamp }, request);
  const server = createServer((incoming, response) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of incoming) parts.push(part as Buffer);
      const asked = parseJson(Buffer.concat(parts), { maxBytes: 1 << 16 }) as JsonObject;
      const { content } = asked["publicKey"] as { content: string };
      const key = parsePublicKey(Buffer.from(content, "base64"));
      const proof = new Uint8Array(Buffer.from(asked["signedEmailAddress"] as string, "base64"));
      const token = incoming.headers.authorization!.replace(/^bearer /i, "");
      const answer = await services.signingCertificate(
        signingCertificateRequestJson(token, encodePublicKeyPem(key), proof),
      );
      const issued = (answer as Record<string, Json>)["signedCertificateEmbeddedSct"] as {
        chain: { certificates: string[] };
      };
      response.writeHead(201, { "content-type": "application/pem-certificate-chain" });
      response.end(issued.chain.certificates.join(""));
    })().catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Place {
  readonly repo: GitRepository;
  readonly log: RekorV1;
  /** What gitsign is told of our services. */
  readonly settings: Record<string, string>;
  /** Of the log alone. */
  readonly unstampedConfig: string;
}

async function place(t: TestContext): Promise<Place | undefined> {
  if (gitsign === undefined) {
    t.skip("skipped: SEALWRIGHT_PEERS_GITSIGN names no gitsign");
    return undefined;
  }
  const log = await startRekorV1(t, instance);
  const fulcio = await startFulcioV1(t);
  const root = parseTrustedRoot(log.trustedRoot);
  const trust = prepareTrust(root);
  const settings: Record<string, string> = {};
  const repo = await createRepository(instance, program, { variables: settings });
  const put = async (name: string, content: string | Uint8Array): Promise<string> => {
    const path = join(repo.folder, "..", name);
    await writeFile(path, content);
    return path;
  };
  const certificates = (chain: readonly Uint8Array[]): string =>
    chain.map((each) => encodePem("CERTIFICATE", each)).join("");
  await repo.get("config", "sealwright.trustedRoot", await put("with_v1.json", log.trustedRoot));
  await repo.get("config", "sealwright.signingConfig", await put("config.json", log.signingConfig));
  const unstamped = { ...JSON.parse(fromUtf8(log.signingConfig)), tsaUrls: [] } as object;
  const unstampedConfig = await put("unstamped.json", JSON.stringify(unstamped));
  Object.assign(settings, {
    GITSIGN_FULCIO_URL: fulcio,
    GITSIGN_FULCIO_ROOT: await put("ca.pem", certificates(root.certificateAuthorities[0]!.certificates)),
    GITSIGN_REKOR_URL: log.url,
    GITSIGN_REKOR_MODE: "offline",
    GITSIGN_TIMESTAMP_SERVER_URL: instance.url + paths.timestamp,
    SIGSTORE_REKOR_PUBLIC_KEY: await put("rekor.pem", encodePublicKeyPem(trust.logs.at(-1)!.key)),
    SIGSTORE_CT_LOG_PUBLIC_KEY_FILE: await put("ct.pem", encodePublicKeyPem(trust.ctLogs[0]!.key)),
    TUF_ROOT: join(repo.folder, "..", "tuf"),
  });
  return { repo, log, settings, unstampedConfig };
}

const use = (repo: GitRepository, path: string): Promise<string> => repo.get("config", "gpg.x509.program", path);

function verifyArguments(verb: "verify" | "verify-tag", revision: string, identity = instance.identity): string[] {
  return [verb, `--certificate-identity=${identity}`, `--certificate-oidc-issuer=${instance.url}`, revision];
}

test("gitsign verifies commits and tags that we signed, and not when they are another's or changed", async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  const { repo, log, unstampedConfig } = here;
  await repo.get("config", "sealwright.signingConfig", unstampedConfig);
  await repo.get("commit", "--quiet", "-S", "--message", "ours");
  await repo.get("tag", "--sign", "--message", "ours", "v1");
  assert.equal(log.entries.length, 2);
  const commit = await repo.run(gitsign!, verifyArguments("verify", "HEAD"));
  assert.equal(commit.code, 0, commit.stderr);
  assert.match(commit.stdout, /Good signature/);
  const tag = await repo.run(gitsign!, verifyArguments("verify-tag", "v1"));
  assert.equal(tag.code, 0, tag.stderr);
  assert.notEqual((await repo.run(gitsign!, verifyArguments("verify", "HEAD", "jo@example.com"))).code, 0);
  await use(repo, gitsign!);
  const asked = await repo.git("verify-commit", "HEAD");
  assert.equal(asked.code, 0, asked.stderr);
  const text = fromUtf8(await repo.raw("commit", "HEAD"));
  const other = await repo.write("commit", new TextEncoder().encode(text.replace("\n\nours", "\n\nothers")));
  assert.notEqual((await repo.run(gitsign!, verifyArguments("verify", other))).code, 0);
});

test("we verify commits and tags that gitsign signed, by its log entry and its timestamp", async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  const { repo, log, settings } = here;
  await use(repo, gitsign!);
  const made = await repo.git("commit", "--quiet", "-S", "--message", "theirs");
  assert.equal(made.code, 0, made.stderr);
  assert.equal(log.entries.length, 1);
  assert.equal((await repo.git("tag", "--sign", "--message", "theirs", "v1")).code, 0);
  // Without a timestamp the log's promise alone says when.
  delete settings["GITSIGN_TIMESTAMP_SERVER_URL"];
  assert.equal((await repo.git("commit", "--quiet", "-S", "--allow-empty", "--message", "without")).code, 0);
  await use(repo, program);
  for (const args of [
    ["verify-commit", "HEAD~"],
    ["verify-commit", "HEAD"],
    ["verify-tag", "v1"],
  ]) {
    const shown = await repo.git(...args);
    assert.equal(shown.code, 0, shown.stderr);
    assert(shown.stderr.includes(`good signature of ${instance.identity}`), shown.stderr);
  }
});

test("we verify commits that gitsign logged in our own log of version 2", async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  const { repo, settings } = here;
  Object.assign(settings, { GITSIGN_REKOR_URL: instance.url, GITSIGN_REKOR_VERSION: "2" });
  await use(repo, gitsign!);
  const made = await repo.git("commit", "--quiet", "-S", "--message", "theirs");
  assert.equal(made.code, 0, made.stderr);
  await use(repo, program);
  const shown = await repo.git("verify-commit", "HEAD");
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stderr, /good signature of/);
});
