import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, fromUtf8, isProblem, utf8 } from "../core/index.ts";
import { createSigner, generateKey } from "../crypto/index.ts";
import {
  createMemoryLogStore,
  createNoteVerifier,
  dataTiles,
  leafHash,
  openLog,
  parseCheckpoint,
  parseNote,
  signCheckpoint,
  treeRoot,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
} from "./index.ts";
import type { Appended, Log, LogEntry, LogOptions, LogStore, MemoryLogStore } from "./index.ts";

const origin = "log.example";
const key = generateKey("ed25519");
const verifier = createNoteVerifier(origin, key.publicKey);

async function sign(size: number, root: Uint8Array): Promise<Uint8Array> {
  return utf8(
    await signCheckpoint({ origin, size, root, extensions: [] }, [{ name: origin, signer: createSigner(key) }]),
  );
}

function open(store: LogStore, options: Partial<LogOptions> = {}): Promise<Log> {
  return openLog({ store, origin, signCheckpoint: sign, ...options });
}

function entry(text: string | number): LogEntry {
  return { leaf: utf8(`entry ${text}`) };
}

function appendAll(log: Log, from: number, count: number): Promise<Appended[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => log.append(entry(from + i))));
}

/** What a client does with an answer: signature, then proof. */
function checkAnswer(answer: Appended, leaf: Uint8Array): void {
  const checkpoint = verifyCheckpoint(fromUtf8(answer.checkpoint), verifier);
  assert.equal(checkpoint.size, answer.size);
  const { index, size, proof } = answer;
  verifyInclusion({ leafHash: leafHash(leaf), index, size, proof, root: checkpoint.root });
}

const has =
  (code: `${string}/${string}`) =>
  (error: unknown): boolean =>
    isProblem(error, code);

test("every append is answered with a proof under a signed checkpoint, in one batch or in many", async () => {
  for (const maxBatch of [1, 7, 512]) {
    const log = await open(createMemoryLogStore(), { maxBatch });
    const answers = await appendAll(log, 0, 600);
    answers.forEach((answer, i) => checkAnswer(answer, entry(i).leaf));
    assert.deepEqual(
      answers.map((answer) => answer.index),
      Array.from({ length: 600 }, (_, i) => i),
    );
    assert.equal(log.size, 600);
    assert.deepEqual(await log.entry(333), entry(333).leaf);
  }
});

test("appends that wait for the disk become one batch, and every batch is one checkpoint", async () => {
  const store = createMemoryLogStore();
  let published = 0;
  const counting: LogStore = { ...store, publish: (bytes) => (published++, store.publish(bytes)) };
  const log = await open(counting);
  await log.append(entry("alone"));
  const first = log.append(entry("first"));
  await undefined;
  await undefined;
  const crowd = appendAll(log, 0, 200);
  await Promise.all([first, crowd]);
  assert.equal(published, 1 + 1 + 2);
});

test("a log that is opened again goes on where it was, at every kind of size", async () => {
  const store = createMemoryLogStore();
  let size = 0;
  for (const count of [1, 254, 1, 1, 255, 256, 300]) {
    const log = await open(store);
    assert.equal(log.size, size);
    const answers = await appendAll(log, size, count);
    checkAnswer(answers.at(-1)!, entry(size + count - 1).leaf);
    size += count;
    await log.close();
  }
  const log = await open(store);
  assert.equal(log.size, size);
  const { root } = parseCheckpoint(parseNote(fromUtf8(log.checkpoint())).text);
  assert.deepEqual(await treeRoot(store, size), root);
  for (const index of [0, 255, 256, size - 1]) {
    checkAnswer({ ...(await log.inclusion(index)), duplicate: false }, entry(index).leaf);
    assert.deepEqual(await log.entry(index), entry(index).leaf);
  }
});

test("consistency is proven between any two sizes, published or not", async () => {
  const store = createMemoryLogStore();
  const log = await open(store);
  await appendAll(log, 0, 300);
  await appendAll(log, 300, 277);
  const rootOf = async (size: number): Promise<Uint8Array> => {
    const other = createMemoryLogStore();
    const shorter = await open(other);
    await appendAll(shorter, 0, size);
    return treeRoot(other, size);
  };
  for (const [size1, size2] of [
    [1, 577],
    [300, 577],
    [299, 301],
    [256, 512],
    [577, 577],
    [7, 9],
  ] as const) {
    const proof = await log.consistency(size1, size2);
    verifyConsistency({ size1, root1: await rootOf(size1), size2, root2: await rootOf(size2), proof });
  }
  await assert.rejects(log.consistency(1, 578), has("tlog/index-range"));
  await assert.rejects(log.consistency(0), has("tlog/index-range"));
  await assert.rejects(log.inclusion(577), has("tlog/index-range"));
  await assert.rejects(log.entry(577), has("tlog/index-range"));
});

test("a duplicate gets the index it has, at once, later, and after opening again", async () => {
  const store = createMemoryLogStore();
  const log = await open(store);
  await appendAll(log, 0, 300);
  const [first, second] = await Promise.all([log.append(entry("twice")), log.append(entry("twice"))]);
  assert.deepEqual([first.duplicate, second.duplicate, second.index], [false, true, first.index]);
  await appendAll(log, 1000, 10);
  const again = await log.append(entry("twice"));
  assert.deepEqual([again.duplicate, again.index, again.size], [true, first.index, 311]);
  checkAnswer(again, entry("twice").leaf);
  const reopened = await open(store);
  const later = await reopened.append(entry(5));
  assert.deepEqual([later.duplicate, later.index, reopened.size], [true, 5, 311]);
});

test("the memory for duplicates is bounded, also when it is filled on opening, and can be off", async () => {
  const store = createMemoryLogStore();
  const log = await open(store, { dedupe: 10 });
  await appendAll(log, 0, 600);
  assert.equal((await log.append(entry(595))).duplicate, true);
  assert.equal((await log.append(entry(0))).duplicate, false);
  const reopened = await open(store, { dedupe: 10 });
  assert.equal((await reopened.append(entry(0))).index, 600);
  assert.equal((await reopened.append(entry(300))).duplicate, false);
  const forgetful = await open(store, { dedupe: 0 });
  assert.equal((await forgetful.append(entry(0))).duplicate, false);
});

test("an entry can hold its own index, and one that cannot be made takes none", async () => {
  const log = await open(createMemoryLogStore());
  const build = (index: number): LogEntry => ({ leaf: utf8(`at ${index}`) });
  const refused = log.appendWith(() => {
    throw new Error("no");
  });
  const [a, b, , c] = await Promise.all([
    log.appendWith(build),
    log.append(entry(1)),
    assert.rejects(refused, has("log/entry-refused")),
    log.appendWith(build),
  ]);
  assert.deepEqual([a.index, b.index, c.index], [0, 1, 2]);
  checkAnswer(c, utf8("at 2"));
});

test("a batch of which nothing is left publishes nothing", async () => {
  const store = createMemoryLogStore();
  const log = await open(store);
  const before = log.checkpoint();
  const large = (): LogEntry => ({ leaf: new Uint8Array(65_536) });
  await assert.rejects(log.appendWith(large), has("log/entry-too-large"));
  assert.deepEqual(store.files.get("checkpoint"), before);
});

test("an entry that is too large, or whose record is not its leaf, is refused before it waits", async () => {
  const log = await open(createMemoryLogStore());
  await assert.rejects(log.append({ leaf: new Uint8Array(65_536) }), has("log/entry-too-large"));
  await assert.rejects(log.append({ leaf: utf8("a"), record: utf8("b") }), has("log/entry-mismatch"));
  assert.equal(log.size, 0);
});

test("a CT log keeps records in data tiles and hashes their leaves", async () => {
  const store = createMemoryLogStore();
  const log = await open(store, { entries: dataTiles });
  const record = (n: number): Uint8Array =>
    concat(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, n, 0, 0, 0, 0, 1, 9, 0, 0), Uint8Array.of(0, 0));
  const build = (index: number): LogEntry => ({ record: record(index), leaf: dataTiles.leaf(record(index)) });
  const answers = await Promise.all(Array.from({ length: 5 }, () => log.appendWith(build)));
  checkAnswer(answers[4]!, concat(Uint8Array.of(0, 0), record(4).subarray(0, 16)));
  assert.ok(store.files.has("tile/data/000.p/5"));
  const reopened = await open(store, { entries: dataTiles });
  assert.deepEqual(await reopened.entry(3), record(3));
  await reopened.appendWith(build);
  assert.deepEqual(dataTiles.split(store.files.get("tile/data/000.p/6")!).length, 6);
});

test("past maxPending appends are refused and the log goes on", async () => {
  const log = await open(createMemoryLogStore(), { maxPending: 10 });
  const results = await Promise.allSettled(Array.from({ length: 15 }, (_, i) => log.append(entry(i))));
  const refused = results.filter((result) => result.status === "rejected");
  assert.equal(refused.length, 5);
  assert.ok(refused.every((result) => has("log/overloaded")(result.reason)));
  assert.equal((await log.append(entry(14))).index, 10);
});

test("closing answers who waits and refuses who comes", async () => {
  const log = await open(createMemoryLogStore());
  const waiting = appendAll(log, 0, 5);
  await undefined;
  const closed = log.close();
  await assert.rejects(log.append(entry(9)), has("log/closed"));
  await closed;
  assert.equal((await waiting).length, 5);
  assert.equal(log.size, 5);
});

/** A store that fails at its n-th file, having written those before; the checkpoint counts as one file. */
function failingStore(inner: MemoryLogStore, failAt: number, afterwards: boolean): LogStore {
  let done = 0;
  const step = (action: () => void): void => {
    const fails = ++done === failAt;
    if (!fails || afterwards) action();
    if (fails) throw new Error("no space left on device");
  };
  return {
    ...inner,
    async write(files) {
      for (const [path, bytes] of files) step(() => inner.files.set(path, bytes.slice()));
    },
    async publish(checkpoint) {
      step(() => inner.files.set("checkpoint", checkpoint.slice()));
    },
  };
}

test("whichever write fails, what was acknowledged is there on opening again and the tree is whole", async () => {
  for (const afterwards of [false, true]) {
    let failures = 0;
    for (let failAt = 2; ; failAt++) {
      const store = createMemoryLogStore();
      const log = await open(failingStore(store, failAt, afterwards), { maxBatch: 100 });
      const acknowledged: Appended[] = [];
      let failed = false;
      for (let from = 0; from < 520; from += 130) {
        const results = await Promise.allSettled(Array.from({ length: 130 }, (_, i) => log.append(entry(from + i))));
        for (const result of results) {
          if (result.status === "fulfilled") acknowledged.push(result.value);
          else {
            failed = true;
            assert.ok(has("log/store-failed")(result.reason));
          }
        }
      }
      assert.equal(log.size, acknowledged.length);
      if (failed) await assert.rejects(log.append(entry("more")), has("log/store-failed"));
      const published = parseCheckpoint(parseNote(fromUtf8(store.files.get("checkpoint")!)).text);
      const reopened = await open(store);
      assert.equal(reopened.size, published.size);
      assert.ok(reopened.size >= acknowledged.length);
      assert.deepEqual(await treeRoot(store, published.size), published.root);
      for (const answer of acknowledged.filter((_, i) => i % 37 === 0 || i === acknowledged.length - 1)) {
        assert.deepEqual(await reopened.entry(answer.index), entry(answer.index).leaf);
        checkAnswer({ ...(await reopened.inclusion(answer.index)), duplicate: false }, entry(answer.index).leaf);
        if (answer.size < reopened.size) {
          const proof = await reopened.consistency(answer.size);
          const { size: size2, root: root2 } = published;
          verifyConsistency({ size1: answer.size, root1: answer.root, size2, root2, proof });
        }
      }
      // Another history on top of what the failed batch left behind.
      const more = await Promise.all(Array.from({ length: 150 }, (_, i) => reopened.append(entry(`other ${i}`))));
      for (const i of [0, 75, 149]) checkAnswer(more[i]!, entry(`other ${i}`).leaf);
      assert.deepEqual(await (await open(store)).entry(more[149]!.index), entry("other 149").leaf);
      if (!failed) break;
      failures++;
    }
    assert.ok(failures > 20, String(failures));
  }
});

test("a signer that fails spoils its batch alone", async () => {
  const store = createMemoryLogStore();
  let broken = false;
  const signCheckpoint = async (size: number, root: Uint8Array): Promise<Uint8Array> => {
    if (broken) throw new Error("the key service is away");
    return sign(size, root);
  };
  const log = await open(store, { signCheckpoint });
  await appendAll(log, 0, 3);
  broken = true;
  await assert.rejects(log.append(entry("lost")), has("log/sign-failed"));
  assert.equal(log.size, 3);
  broken = false;
  const next = await log.append(entry("next"));
  assert.equal(next.index, 3);
  checkAnswer(next, entry("next").leaf);
  assert.equal((await open(store)).size, 4);
});

test("a signer that signs another tree is found out", async () => {
  const log = await open(createMemoryLogStore(), {
    signCheckpoint: (size, root) => sign(size === 0 ? 0 : size + 1, root),
  });
  await assert.rejects(log.append(entry(1)), has("log/sign-failed"));
});

test("a store whose files do not lead to its checkpoint is not opened", async () => {
  const made = async (): Promise<MemoryLogStore> => {
    const store = createMemoryLogStore();
    await appendAll(await open(store), 0, 300);
    return store;
  };
  const spoils: ((files: Map<string, Uint8Array>) => unknown)[] = [
    (files) => files.delete("tile/0/001.p/44"),
    (files) => files.delete("tile/1/000.p/1"),
    (files) => files.delete("tile/entries/001.p/44"),
    (files) => files.delete("checkpoint"),
    (files) => (files.get("tile/0/001.p/44")![7]! ^= 1),
    (files) => (files.get("tile/1/000.p/1")![7]! ^= 1),
    (files) => (files.get("tile/entries/001.p/44")![7]! ^= 1),
    (files) => files.set("tile/entries/001.p/44", files.get("tile/entries/001.p/44")!.slice(0, -1)),
    (files) => (files.get("checkpoint")![0]! ^= 128),
  ];
  for (const spoil of spoils) {
    const store = await made();
    spoil(store.files);
    await assert.rejects(open(store), has("tlog/store-corrupt"), String(spoil));
  }
  await assert.rejects(open(await made(), { origin: "other.example" }), has("tlog/checkpoint-origin"));
});
