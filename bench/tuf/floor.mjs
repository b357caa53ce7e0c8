// The plain floor: the same requests, hashes and signature checks with nothing of a TUF client's care. Not to be used
// for anything but to see what the runtime itself takes.

import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { get as httpGet } from "node:http";

const [url, rootFile, path] = process.argv.slice(2);
const get = (name) =>
  new Promise((done, fail) =>
    httpGet(url + name, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => done(response.statusCode === 200 ? Buffer.concat(chunks) : undefined));
    }).on("error", fail),
  );
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "string") return `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
  if (typeof value !== "object" || value === null) return String(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `"${name}":${canonical(value[name])}`).join(",")}}`;
}

function check(bytes, keys, keyids) {
  const { signed, signatures } = JSON.parse(bytes);
  const signature = signatures.find(({ keyid }) => keyids.includes(keyid));
  const x = Buffer.from(keys[signature.keyid].keyval.public, "hex").toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  if (!verify(null, Buffer.from(canonical(signed)), key, Buffer.from(signature.sig, "hex")))
    throw new Error("signature");
  return signed;
}

const rootBytes = readFileSync(rootFile);
const { keys, roles } = JSON.parse(rootBytes).signed;
check(rootBytes, keys, roles.root.keyids);
if ((await get("2.root.json")) !== undefined) throw new Error("root");
const timestamp = check(await get("timestamp.json"), keys, roles.timestamp.keyids);
const snapshotBytes = await get(`${timestamp.meta["snapshot.json"].version}.snapshot.json`);
if (sha256(snapshotBytes) !== timestamp.meta["snapshot.json"].hashes.sha256) throw new Error("hash");
const snapshot = check(snapshotBytes, keys, roles.snapshot.keyids);
let targets = check(await get(`${snapshot.meta["targets.json"].version}.targets.json`), keys, roles.targets.keyids);
const bins = targets.delegations?.succinct_roles;
if (bins !== undefined) {
  const bin = Math.floor(Number.parseInt(sha256(path).slice(0, 8), 16) / 2 ** (32 - bins.bit_length));
  const name = `${bins.name_prefix}-${bin.toString(16).padStart(Math.ceil(bins.bit_length / 4), "0")}`;
  const bytes = await get(`${snapshot.meta[`${name}.json`].version}.${name}.json`);
  targets = check(bytes, targets.delegations.keys, bins.keyids);
}
const { hashes, length } = targets.targets[path];
const at = path.lastIndexOf("/") + 1;
const content = await get(`targets/${path.slice(0, at)}${hashes.sha256}.${path.slice(at)}`);
if (content.length !== length || sha256(content) !== hashes.sha256) throw new Error("content");
process.stdout.write(JSON.stringify({ ...process.resourceUsage(), content: sha256(content) }));
