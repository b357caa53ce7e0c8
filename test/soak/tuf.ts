// `npm run soak -- tuf`: clients refresh without pause while an operator publishes, rotates every key, replaces root keys
// and moves all targets into other bins, and server and operator are killed at random. Every figure of the last lines but
// the counts of what was done has to be 0.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { createFileStore, createHttpFetcher } from "../../src/io/index.ts";
import { createMemoryStore, update } from "../../src/tuf/index.ts";
import { createExample, freePort, run, start, type Started, temporaryFolder } from "../program.ts";
import { type Counts, follow, type Follower } from "./follower.ts";
import { type Change, contentOf, Ledger } from "./ledger.ts";
import type { Operation } from "./operator.ts";

export interface SoakOptions {
  readonly publishes: number;
  readonly rotations: number;
  readonly rootRotations: number;
  readonly rebins: readonly number[];
  readonly seed: number;
}

const paths = 200;
const killServerEveryMs = [1500, 6000] as const;
const killOperatorOnce = 40;

/** mulberry32: the same seed gives the same operations; what the clock decides differs. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The server that is killed and started again. */
class Server {
  kills = 0;
  private upSinceMs: number | undefined;
  private process: Started | undefined;

  constructor(
    private readonly url: string,
    private readonly place: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ) {}

  upSince(): number | undefined {
    return this.upSinceMs;
  }

  async open(): Promise<void> {
    this.process = start(["up", "--quiet"], this.place);
    await this.process.until(this.url);
    this.upSinceMs = Date.now();
  }

  async kill(): Promise<void> {
    this.upSinceMs = undefined;
    await this.process?.end("SIGKILL");
    this.kills++;
  }

  async close(): Promise<void> {
    await this.process?.end("SIGTERM");
  }
}

/** The operator that is killed and asked again. */
class Operator {
  kills = 0;
  private child: ChildProcessWithoutNullStreams | undefined;
  private lines: AsyncIterator<string> | undefined;

  constructor(private readonly folder: string) {}

  private async open(): Promise<void> {
    const script = join(import.meta.dirname, "operator.ts");
    this.child = spawn(process.execPath, ["--import", "tsx", script, this.folder], { stdio: "pipe" });
    this.child.stderr.pipe(process.stderr);
    // Killed just after its last answer: what is written then goes nowhere, and is asked again.
    this.child.stdin.on("error", () => undefined);
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    const { value } = await this.lines.next();
    if (value !== "ready") throw new Error("the operator did not start");
  }

  /** Resolves when it is acknowledged, however often it had to be asked. `killAfterMs`: killed once, in the middle. */
  async ask(operation: Operation, killAfterMs: number | undefined): Promise<void> {
    for (let attempt = 0; attempt < 5; attempt++) {
      if (this.child === undefined) await this.open();
      const child = this.child!;
      child.stdin.write(`${JSON.stringify(operation)}\n`);
      const timer =
        attempt > 0 || killAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfterMs);
      const { value, done } = await this.lines!.next();
      clearTimeout(timer);
      if (done !== true && value === `done ${operation.id}`) return;
      if (child.exitCode === null && child.signalCode === null) await once(child, "close");
      if (child.signalCode !== "SIGKILL") throw new Error(`the operator ended at ${operation.kind}`);
      this.kills++;
      this.child = undefined;
    }
    throw new Error(`the operator cannot do ${operation.kind}`);
  }

  close(): void {
    this.child?.stdin.end();
  }
}

/** What is to be done, in an order of chance; the first bins come first. */
function operationsOf(
  options: SoakOptions,
  ledger: Ledger,
  random: () => number,
): (() => readonly [Operation, Change?])[] {
  let id = 0;
  const publishing = (): readonly [Operation, Change?] => {
    const path = `packages/p${Math.floor(random() * paths)}/file`;
    const isRemoved = ledger.isThere(path) && random() < 0.1;
    const change = ledger.next(path, isRemoved);
    if (isRemoved) return [{ id: ++id, kind: "remove", path }, change];
    return [{ id: ++id, kind: "publish", path, content: contentOf(change) }, change];
  };
  const rotating = (role: "snapshot" | "timestamp" | "bins" | "root") => (): readonly [Operation] => [
    { id: ++id, kind: "rotate", role },
  ];
  const [first = 16, ...counts] = options.rebins;
  const planned = [
    ...Array.from({ length: options.publishes }, () => publishing),
    ...(["snapshot", "timestamp", "bins"] as const).flatMap((role) =>
      Array.from({ length: options.rotations }, () => rotating(role)),
    ),
    ...Array.from({ length: options.rootRotations }, () => rotating("root")),
    ...counts.map((count) => (): readonly [Operation] => [{ id: ++id, kind: "rebin", count }]),
  ];
  for (let at = planned.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [planned[at], planned[other]] = [planned[other]!, planned[at]!];
  }
  return [() => [{ id: ++id, kind: "rebin", count: first }], ...planned];
}

/** Targets whose last acknowledged state is not what a fresh client finds. */
async function lostOf(ledger: Ledger, url: string, root: Uint8Array): Promise<readonly string[]> {
  const fetcher = createHttpFetcher(url);
  const client = await update({ bootstrap: root, fetcher, store: createMemoryStore(), now: Date.now() });
  const lost = [];
  for (const path of ledger.paths()) {
    const target = await client.findTarget(path);
    const content = target && new TextDecoder().decode(await client.download(target));
    if (ledger.allows(path, content, ledger.floor(path)) === undefined) lost.push(path);
  }
  return lost;
}

/** True when everything held. */
export async function soak(options: SoakOptions, say: (line: string) => void): Promise<boolean> {
  const random = randomOf(options.seed);
  const folder = temporaryFolder();
  const organisation = join(folder, "acme");
  const url = `http://127.0.0.1:${await freePort()}`;
  const place = { cwd: createExample(folder), env: { HOME: folder, SEALWRIGHT_DIR: organisation } };
  const made = await run(["init", "--name", "acme", "--url", url], place);
  if (made.code !== 0) throw new Error(made.stderr);
  const root = readFileSync(join(organisation, "root.json"));
  const ledger = new Ledger();
  const counts: Counts = { refreshes: 0, failed: 0, healed: 0, notHealed: 0, staleOrForged: 0, liesRefused: 0 };
  const server = new Server(url, place);
  const operator = new Operator(organisation);
  await server.open();

  const over = new AbortController();
  const common = {
    url: `${url}/tuf`,
    root,
    ledger,
    counts,
    random,
    serverUpSince: () => server.upSince(),
    isOver: () => over.signal.aborted,
    say,
  };
  const followers: Follower[] = [
    { ...common, name: "fresh", store: undefined, isLiedTo: false },
    { ...common, name: "memory", store: createMemoryStore(), isLiedTo: false },
    { ...common, name: "files", store: createFileStore(join(folder, "client")), isLiedTo: false },
    { ...common, name: "lied-to", store: createMemoryStore(), isLiedTo: true },
  ];
  const following = Promise.all(followers.map(follow));
  const killing = (async () => {
    while (!over.signal.aborted) {
      const [least, most] = killServerEveryMs;
      await sleep(least + random() * (most - least));
      if (over.signal.aborted) return;
      await server.kill();
      await server.open();
    }
  })();

  const operations = operationsOf(options, ledger, random);
  for (const [at, operation] of operations.entries()) {
    const [asked, change] = operation();
    await operator.ask(asked, at > 0 && random() < 1 / killOperatorOnce ? random() * 60 : undefined);
    if (change !== undefined) ledger.acknowledge(change);
    if ((at + 1) % 50 === 0) say(`${at + 1} of ${operations.length} operations, ${counts.refreshes} refreshes`);
  }
  over.abort();
  await Promise.all([following, killing]);
  operator.close();
  const lost = await lostOf(ledger, `${url}/tuf`, root);
  await server.close();

  say(
    `seed ${options.seed}: ${options.publishes} publishes, ${options.rotations} rotations each of snapshot, timestamp and bins,`,
  );
  say(
    `  ${options.rootRotations} root rotations, bins ${options.rebins.join(" to ")}; killed: server ${server.kills} times, operator ${operator.kills}`,
  );
  say(
    `${counts.refreshes} refreshes, ${counts.failed} failed while the server was down, ${counts.healed} of them healed; lies refused: ${counts.liesRefused}`,
  );
  say(
    `not healed within a second ${counts.notHealed}, publishes lost ${lost.length}, stale or forged accepted ${counts.staleOrForged}`,
  );
  return counts.notHealed === 0 && lost.length === 0 && counts.staleOrForged === 0;
}
