// Repositories of any size for the benchmark, written as fast as a disk takes them: every file is canonical as it
// stands, so that what is signed is what is stored. Independent of our own repository engine, which has a bench of its own.

import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const expires = "2036-01-01T00:00:00Z";
const contentBytes = 4096;

export interface Size {
  readonly targets: number;
  /** 1: all targets in one file. Else a power of two. */
  readonly bins: number;
}

export interface Built {
  readonly root: Uint8Array;
  /** The one target whose content is there. */
  readonly path: string;
  readonly content: Uint8Array;
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

interface OnlineKey {
  readonly handle: KeyObject;
  readonly keyid: string;
  readonly object: object;
}

function createOnlineKey(): OnlineKey {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const value = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("hex");
  const object = { keytype: "ed25519", keyval: { public: value }, scheme: "ed25519" };
  return { handle: privateKey, keyid: sha256(JSON.stringify(object)), object };
}

/** Members of `signed` come in code point order, and no text in it needs an escape: then JSON is the canonical form. */
function signed(key: OnlineKey, tree: object): string {
  const message = JSON.stringify(tree);
  const sig = sign(null, Buffer.from(message), key.handle).toString("hex");
  return `{"signatures":[{"keyid":"${key.keyid}","sig":"${sig}"}],"signed":${message}}`;
}

const pathOf = (index: number): string => `packages/p${String(index).padStart(7, "0")}/file-1.0.tgz`;

/** Writes the repository below `folder` and gives its root. */
export function buildRepository(folder: string, { targets, bins }: Size): Built {
  const key = createOnlineKey();
  const write = (path: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  const role = { keyids: [key.keyid], threshold: 1 };
  const root = signed(key, {
    _type: "root",
    consistent_snapshot: true,
    expires,
    keys: { [key.keyid]: key.object },
    roles: { root: role, snapshot: role, targets: role, timestamp: role },
    spec_version: "1.0.34",
    version: 1,
  });
  const content = new Uint8Array(contentBytes).fill(7);
  const wanted = pathOf(Math.floor(targets / 2));
  write(join("targets", dirname(wanted), `${sha256(content)}.${wanted.split("/").at(-1)}`), content);
  const describe = (index: number): object => {
    const path = pathOf(index);
    const hash = path === wanted ? sha256(content) : sha256(path);
    return { hashes: { sha256: hash }, length: contentBytes };
  };
  const targetsFile = (paths: readonly number[], extra: object = {}): string =>
    signed(key, {
      _type: "targets",
      ...extra,
      expires,
      spec_version: "1.0.34",
      targets: Object.fromEntries(paths.map((index) => [pathOf(index), describe(index)])),
      version: 1,
    });
  const all = Array.from({ length: targets }, (_, index) => index);
  const meta: Record<string, object> = {};
  if (bins > 1) {
    const bits = Math.log2(bins);
    const digits = Math.ceil(bits / 4);
    const inBin = Array.from({ length: bins }, (): number[] => []);
    for (const index of all)
      inBin[Math.floor(Number.parseInt(sha256(pathOf(index)).slice(0, 8), 16) / 2 ** (32 - bits))]!.push(index);
    for (const [bin, paths] of inBin.entries()) {
      const name = `bin-${bin.toString(16).padStart(digits, "0")}`;
      write(`1.${name}.json`, targetsFile(paths));
      meta[`${name}.json`] = { version: 1 };
    }
    const succinct = { bit_length: bits, keyids: [key.keyid], name_prefix: "bin", threshold: 1 };
    const delegations = { keys: { [key.keyid]: key.object }, succinct_roles: succinct };
    write("1.targets.json", targetsFile([], { delegations }));
  } else write("1.targets.json", targetsFile(all));
  meta["targets.json"] = { version: 1 };
  const common = { expires, meta, spec_version: "1.0.34", version: 1 };
  const snapshot = signed(key, { _type: "snapshot", ...common });
  write("1.snapshot.json", snapshot);
  const listed = { hashes: { sha256: sha256(snapshot) }, length: snapshot.length, version: 1 };
  write("timestamp.json", signed(key, { _type: "timestamp", ...common, meta: { "snapshot.json": listed } }));
  write("1.root.json", root);
  return { root: Buffer.from(root), path: wanted, content };
}
