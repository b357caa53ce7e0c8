import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { equalBytes, fromUtf8, isProblem, parseJson, problemChain, utf8, type JsonObject } from "../core/index.ts";
import {
  der,
  encodePem,
  encodePrivateKeyPem,
  encryptPrivateKeyPem,
  generateKey,
  isEncryptedKeyPem,
  type KeyType,
  oids,
  openPrivateKeyPem,
  parsePem,
  type PrivateKey,
  randomBytes,
} from "./index.ts";

const passphrase = "korrekt Pferd Batterie ☂";
const types: readonly KeyType[] = ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa"];

function sameKey(a: PrivateKey, b: PrivateKey): boolean {
  return equalBytes(a.publicKey.spki, b.publicKey.spki) && encodePrivateKeyPem(a) === encodePrivateKeyPem(b);
}

async function refusedAs(code: `crypto/${string}`, pem: string, secret = passphrase): Promise<void> {
  await assert.rejects(
    openPrivateKeyPem(pem, () => secret),
    (error) => {
      assert.ok(isProblem(error, code), String(error));
      if (secret !== "") assert.ok(!problemChain(error).join("\n").includes(secret));
      return true;
    },
  );
}

for (const form of ["pkcs8", "sigstore"] as const) {
  test(`a key encrypted as ${form} opens with its passphrase alone`, async () => {
    for (const type of types) {
      const key = generateKey(type);
      const pem = await encryptPrivateKeyPem(key, passphrase, form);
      assert.ok(isEncryptedKeyPem(pem));
      assert.ok(sameKey(key, await openPrivateKeyPem(pem, async () => passphrase)));
    }
    const pem = await encryptPrivateKeyPem(generateKey("ecdsa-p256"), passphrase, form);
    await refusedAs("crypto/passphrase-wrong", pem, "wrong");
    await refusedAs("crypto/passphrase-wrong", pem, "");
    await refusedAs("crypto/passphrase-invalid", pem, "x".repeat(1025));
  });

  test(`two encryptions of one key as ${form} have nothing in common`, async () => {
    const key = generateKey("ed25519");
    const made = [await encryptPrivateKeyPem(key, passphrase, form), await encryptPrivateKeyPem(key, passphrase, form)];
    assert.notEqual(made[0], made[1]);
  });
}

test("an unencrypted key needs no passphrase, and nobody is asked for one", async () => {
  const key = generateKey("ecdsa-p256");
  const pem = encodePrivateKeyPem(key);
  assert.ok(!isEncryptedKeyPem(pem));
  const opened = await openPrivateKeyPem(pem, () => assert.fail("asked"));
  assert.ok(sameKey(key, opened));
});

test("a passphrase that happens to leave a valid padding behind is still wrong", async () => {
  // At its full cost 600 tries would take minutes.
  const cheap = withIterations(1000);
  for (let tried = 0; tried < 600; tried++) await refusedAs("crypto/passphrase-wrong", cheap, `wrong ${tried}`);
});

/** A file as PBES2 has it that asks for so many iterations. No passphrase opens it. */
function withIterations(count: number): string {
  const prf = der.sequence(der.oid(oids.hmacWithSha256), der.nullValue());
  const parameters = der.sequence(der.octetString(randomBytes(16)), der.integer(count), prf);
  const kdf = der.sequence(der.oid(oids.pbkdf2), parameters);
  const cipher = der.sequence(der.oid(oids.aes256Cbc), der.octetString(randomBytes(16)));
  const algorithm = der.sequence(der.oid(oids.pbes2), der.sequence(kdf, cipher));
  return encodePem("ENCRYPTED PRIVATE KEY", der.sequence(algorithm, der.octetString(randomBytes(144))));
}

const pemSample = await encryptPrivateKeyPem(generateKey("ecdsa-p256"), passphrase);

test("the cost that a file asks for has bounds, and the passphrase is not even tried beyond them", async () => {
  for (const count of [1, 999, 10_000_001, 2 ** 40]) {
    await refusedAs("crypto/key-encryption-unsupported", withIterations(count));
  }
  const pem = await encryptPrivateKeyPem(generateKey("ecdsa-p256"), passphrase, "sigstore");
  const [bytes] = parsePem(pem, "ENCRYPTED SIGSTORE PRIVATE KEY");
  const file = parseJson(bytes!, { maxBytes: 10_000 }) as JsonObject;
  const costs = [
    { N: 2 ** 30, r: 8, p: 1 },
    { N: 65_536, r: 4096, p: 1 },
    { N: 65_536, r: 8, p: 1000 },
    { N: 65_535, r: 8, p: 1 },
    { N: 2, r: 8, p: 1 },
    { N: 65_536, r: 0, p: 1 },
  ];
  for (const params of costs) {
    const changed = { ...file, kdf: { ...(file["kdf"] as JsonObject), params } };
    const text = encodePem("ENCRYPTED SIGSTORE PRIVATE KEY", utf8(JSON.stringify(changed)));
    await refusedAs("crypto/key-encryption-unsupported", text);
  }
});

test("a changed byte anywhere in an encrypted key is noticed", async () => {
  const key = generateKey("ecdsa-p256");
  const [bytes] = parsePem(await encryptPrivateKeyPem(key, passphrase, "sigstore"), "ENCRYPTED SIGSTORE PRIVATE KEY");
  const text = fromUtf8(bytes!);
  const at = text.indexOf('"ciphertext":"') + 20;
  const changed = text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
  await refusedAs("crypto/passphrase-wrong", encodePem("ENCRYPTED SIGSTORE PRIVATE KEY", utf8(changed)));
});

test("what is no private key, or of an old form, is refused with what to do", async () => {
  await refusedAs("crypto/pem-invalid", "hello");
  await refusedAs("crypto/pem-invalid", pemSample + pemSample);
  await refusedAs("crypto/key-unsupported", encodePem("EC PRIVATE KEY", Uint8Array.of(0x30, 0)));
  await refusedAs("crypto/key-invalid", encodePem("ENCRYPTED PRIVATE KEY", Uint8Array.of(0x30, 0)));
  await refusedAs("crypto/key-invalid", encodePem("ENCRYPTED SIGSTORE PRIVATE KEY", utf8("{}")));
  await assert.rejects(encryptPrivateKeyPem(generateKey("ed25519"), ""), (error) =>
    isProblem(error, "crypto/passphrase-invalid"),
  );
});

test("OpenSSL reads what we encrypt, and we read what it encrypts with PBKDF2 and with scrypt", async (t) => {
  if (spawnSync("openssl", ["version"]).status !== 0) return t.skip("skipped: no openssl program");
  const folder = mkdtempSync(join(tmpdir(), "encrypted-key-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [file, plain, out] = ["key", "plain", "out"].map((name) => join(folder, name)) as [string, string, string];
  const env = { ...process.env, SECRET: passphrase };
  const openssl = (...args: readonly string[]): string =>
    execFileSync("openssl", args, { encoding: "utf8", env, stdio: ["ignore", "pipe", "pipe"] });
  for (const type of types) {
    const key = generateKey(type);
    writeFileSync(file, await encryptPrivateKeyPem(key, passphrase));
    assert.equal(openssl("pkey", "-in", file, "-passin", "env:SECRET"), encodePrivateKeyPem(key));
    writeFileSync(plain, encodePrivateKeyPem(key));
    for (const how of [[], ["-v2prf", "hmacWithSHA512"], ["-v2", "aes-128-cbc"], ["-scrypt"]]) {
      openssl("pkcs8", "-topk8", "-in", plain, "-passout", "env:SECRET", "-out", out, ...how);
      assert.ok(sameKey(key, await openPrivateKeyPem(readFileSync(out, "utf8"), () => passphrase)), how.join(" "));
    }
    openssl("pkcs8", "-topk8", "-in", plain, "-passout", "env:SECRET", "-out", out, "-v2", "des3");
    await refusedAs("crypto/key-encryption-unsupported", readFileSync(out, "utf8"));
  }
});
