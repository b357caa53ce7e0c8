// The world in which the cases of this folder are made: as test/tuf-world.ts, with keys that follow from their names, so
// that the same cases come out every time. These keys are public: they sign nothing but test data.

import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createSigner, parsePrivateKeyPem, type Signer } from "../../../src/crypto/index.ts";
import { encodeKey, encodePath, signerKey, type Key } from "../../../src/tuf/index.ts";
import { percentEncode } from "../../../src/tuf/names.ts";
import { type DelegationTree, type Tree, World } from "../../tuf-world.ts";

/** What a client is to do at one step, and what must come of it. */
export interface Step {
  /** The clock of the client; the world's when left out. */
  readonly time?: string;
  readonly limits?: Readonly<Record<string, number>>;
  /** Files of the store that are cut in half, or replaced by other bytes, before the update. */
  readonly cut?: readonly string[];
  readonly put?: Readonly<Record<string, string>>;
  /** `ok`, or the code of the Problem. */
  readonly outcome: string;
  /** Target paths to look up and download: `ok`, `none`, or the code of the Problem. */
  readonly find?: Readonly<Record<string, string>>;
  /** Versions in the store afterwards, by file name; null for a file that must not be there. */
  readonly stored?: Readonly<Record<string, number | null>>;
}

const pkcs8Ed25519 = Buffer.from("302e020100300506032b657004220420", "hex");

export interface FixedKey {
  readonly signer: Signer;
  readonly key: Key;
}

/** An Ed25519 key that is always the same for a name. Its signatures are too. */
export function fixedKey(name: string): FixedKey {
  const seed = createHash("sha256").update(`a test key of sealwright: ${name}`).digest();
  const der = Buffer.concat([pkcs8Ed25519, seed]).toString("base64");
  const signer = createSigner(parsePrivateKeyPem(`-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`));
  return { signer, key: signerKey(signer) };
}

const topLevel = ["root", "targets", "snapshot", "timestamp"] as const;

export class CaseWorld extends World {
  private readonly steps: object[] = [];
  private served = new Map<string, Uint8Array>();
  private readonly written = new Map<string, Uint8Array>();
  private made = 0;

  private constructor(readonly about: string) {
    super();
  }

  static async open(about: string, edit: (world: CaseWorld) => void = () => undefined): Promise<CaseWorld> {
    const world = new CaseWorld(about);
    for (const role of topLevel) {
      const content = role === "root" ? { consistent_snapshot: true, keys: {}, roles: {} } : { meta: {} };
      world.newTree(role, role === "targets" ? { targets: Object.create(null) } : content);
    }
    for (const role of topLevel) world.rotate(role);
    edit(world);
    await world.publish("root", "targets", "snapshot", "timestamp");
    world.bootstrap = world.files.get("1.root.json")!;
    return world;
  }

  override rotate(role: string, count = 1): void {
    const keys = Array.from({ length: count }, () => fixedKey(`${role} ${this.made++}`));
    this.setKeys(role, keys, count);
  }

  override delegate(from: string, name: string, scope: Partial<DelegationTree>): Tree {
    const { signer, key } = fixedKey(`${name} ${this.made++}`);
    const tree = this.tree(from);
    tree.delegations ??= { keys: {}, roles: [] };
    tree.delegations.keys[key.keyid] = encodeKey(key);
    tree.delegations.roles!.push({ name, keyids: [key.keyid], threshold: 1, terminating: false, ...scope });
    this.signers.set(name, [...(this.signers.get(name) ?? []), signer]);
    this.keys.set(name, [...(this.keys.get(name) ?? []), key]);
    return this.trees.get(name) ?? this.newTree(name, { targets: {} });
  }

  /** Delegates everything to succinct bins of one key, with a target in the right one of them, and publishes all. */
  async addBins(bitLength: number, path: string, content: Uint8Array): Promise<void> {
    const { signer, key } = fixedKey("bins");
    const [held, of] = [[signer], [key]];
    this.signers.set("bin", held);
    this.keys.set("bin", of);
    const succinct = { keyids: [key.keyid], threshold: 1, bit_length: bitLength, name_prefix: "bin" };
    this.tree("targets").delegations = { keys: { [key.keyid]: encodeKey(key) }, succinct_roles: succinct };
    const top = createHash("sha256").update(path).digest().readUInt32BE() >>> (32 - bitLength);
    for (let bin = 0; bin < 2 ** bitLength; bin++) {
      const name = `bin-${bin.toString(16).padStart(Math.ceil(bitLength / 4), "0")}`;
      this.signers.set(name, held);
      this.keys.set(name, of);
      this.newTree(name, { targets: {} });
      if (bin === top) this.addTarget(name, path, content);
      await this.publish(name);
    }
    await this.publishAll();
  }

  /** A role with one target and all that lists it, published. */
  async publishAll(...roles: readonly string[]): Promise<void> {
    await this.publish(...roles, "targets", "snapshot", "timestamp");
  }

  /** The client's next step over the files as they are now. */
  step(step: Step): void {
    const changed = [...this.files].filter(([path, bytes]) => this.served.get(path) !== bytes);
    const removed = [...this.served.keys()].filter((path) => !this.files.has(path));
    const folder = String(this.steps.length + 1);
    for (const [path, bytes] of changed) this.written.set(`${folder}/${reference(path)}`, bytes);
    this.served = new Map(this.files);
    this.steps.push({
      time: new Date(this.now).toISOString(),
      ...(removed.length > 0 ? { removed: removed.map(reference).sort() } : {}),
      ...step,
    });
  }

  write(folder: string): void {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "root.json"), this.bootstrap);
    for (const [path, bytes] of this.written) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), bytes);
    }
    writeFileSync(
      join(folder, "case.json"),
      `${JSON.stringify({ about: this.about, steps: this.steps }, undefined, 2)}\n`,
    );
  }
}

/** A file of the world as a client asks for it: a slash in a role's name is no slash of the path. */
function reference(path: string): string {
  return path.startsWith("targets/") ? encodePath(path) : percentEncode(path);
}

export type Case = () => Promise<CaseWorld>;
