// Any sequence of operations, against a plain model of what should be found: by a client that has followed all along,
// by one that looks in now and then, and by a fresh one.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Publisher, roleOf, text } from "../../test/tuf-publisher.ts";
import { newKey } from "../../test/tuf-world.ts";
import { dayMs, hourMs, utf8 } from "../core/index.ts";
import {
  createMemoryStore,
  createNextRoot,
  openRepository,
  publish,
  transact,
  type Changes,
  type TopLevelRole,
} from "./index.ts";

const paths = ["a", "b/c", "b/d", "x/1", "x/2", "y/__proto__", "y/42"];
/** Owns `x/*`, under a role that has bins at will: bins and delegations by name exclude each other in one role. */
const delegateOf = { name: "x", paths: ["x/*"] };

type Operation =
  | { readonly kind: "add"; readonly path: string; readonly content: string }
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "delegate" | "undelegate" | "resign" | "reopen" | "newRoot" }
  | { readonly kind: "rebin"; readonly bits: number }
  | { readonly kind: "rotate"; readonly role: "targets" | "snapshot" | "timestamp" | "bins" | "x" | "root" }
  | { readonly kind: "wait"; readonly hours: number };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("add" as const), path: fc.constantFrom(...paths), content: fc.string() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), path: fc.constantFrom(...paths) }) },
  fc.constantFrom(
    { kind: "delegate" as const },
    { kind: "undelegate" as const },
    { kind: "resign" as const },
    { kind: "reopen" as const },
    { kind: "newRoot" as const },
  ),
  fc.record({ kind: fc.constant("rebin" as const), bits: fc.integer({ min: 0, max: 4 }) }),
  fc.record({
    kind: fc.constant("rotate" as const),
    role: fc.constantFrom(
      "targets" as const,
      "snapshot" as const,
      "timestamp" as const,
      "bins" as const,
      "x" as const,
      "root" as const,
    ),
  }),
  fc.record({ kind: fc.constant("wait" as const), hours: fc.integer({ min: 1, max: 20 }) }),
);

class Model {
  /** What `targets` and its bins list. */
  readonly own = new Map<string, string>();
  /** What the delegated role lists; undefined while nothing delegates to it. */
  delegated: Map<string, string> | undefined;
  bits = 0;

  /** The top-level role hides what is delegated. */
  expected(path: string): string | undefined {
    return this.own.get(path) ?? (path.startsWith("x/") ? this.delegated?.get(path) : undefined);
  }
}

class Run {
  readonly model = new Model();

  constructor(readonly publisher: Publisher) {
    publisher.holders.set("x", [newKey()]);
  }

  async apply(operation: Operation): Promise<void> {
    const { publisher, model } = this;
    switch (operation.kind) {
      case "add": {
        const add = [{ path: operation.path, content: utf8(operation.content) }];
        const toDelegated =
          model.delegated !== undefined && operation.path.startsWith("x/") && !model.own.has(operation.path);
        const changes: Changes = toDelegated ? { targets: new Map([["x", { add }]]) } : { place: { add } };
        await publisher.publish(changes);
        (toDelegated ? model.delegated! : model.own).set(operation.path, operation.content);
        return;
      }
      case "remove":
        if (!model.own.delete(operation.path)) return;
        await publisher.publish({ place: { remove: [operation.path] } });
        return;
      case "delegate":
        if (model.bits > 0) return;
        model.delegated ??= new Map();
        await this.delegate();
        return;
      case "undelegate":
        if (model.delegated === undefined) return;
        model.delegated = undefined;
        await publisher.publish({ targets: new Map([["targets", { delegations: [] }]]) });
        return;
      case "rebin":
        if (model.delegated !== undefined) return;
        model.bits = operation.bits;
        await this.rebin();
        return;
      case "rotate":
        return this.rotate(operation.role);
      case "newRoot":
        return this.newRoot();
      case "resign":
        await publisher.resign(publisher.signing("targets"));
        return;
      case "reopen":
        publisher.repository = await openRepository(publisher.store);
        return;
      case "wait":
        publisher.now += operation.hours * hourMs;
        // What a server does by itself.
        publisher.repository = await transact(publisher.store, { operation: "resign" }, (repository) =>
          publish(repository, {}, publisher.signing("targets"), publisher.now),
        );
    }
  }

  private async delegate(): Promise<void> {
    const delegations = [{ ...delegateOf, ...roleOf(this.publisher.holders.get("x")!, 1) }];
    await this.publisher.publish({ targets: new Map([["targets", { delegations }]]) });
  }

  private async rebin(): Promise<void> {
    const bins = { count: 2 ** this.model.bits, ...roleOf(this.publisher.holders.get("bins")!, 1) };
    await this.publisher.publish({ targets: new Map([["targets", { bins }]]) });
  }

  private async rotate(role: TopLevelRole | "bins" | "x"): Promise<void> {
    const { publisher, model } = this;
    const holders = [newKey(), newKey()].slice(0, role === "targets" ? 2 : 1);
    if (role === "root") {
      const next = createNextRoot(publisher.repository.head.root, {
        expiresMs: publisher.now + 365 * dayMs,
        roles: { root: roleOf([...publisher.rootHolders.slice(0, 2), ...holders], 2) },
      });
      await publisher.publish({ roots: [await publisher.signRoot(next)] });
      return;
    }
    publisher.holders.set(role, holders);
    if (role === "bins") {
      if (model.bits > 0) await this.rebin();
    } else if (role === "x") {
      if (model.delegated !== undefined) await this.delegate();
    } else await this.newRoot();
  }

  private async newRoot(): Promise<void> {
    const { publisher } = this;
    const { targets, snapshot, timestamp } = publisher.roles();
    const roles = { targets, snapshot, timestamp };
    const expiresMs = publisher.now + 365 * dayMs;
    const next = createNextRoot(publisher.repository.head.root, { expiresMs, roles });
    await publisher.publish({ roots: [await publisher.signRoot(next)] });
  }

  async check(memory = createMemoryStore()): Promise<void> {
    const client = await this.publisher.update(memory);
    for (const path of paths) {
      const target = await client.findTarget(path);
      assert.equal(text(target && (await client.download(target))), this.model.expected(path), path);
    }
  }
}

test("after any sequence of operations every client finds exactly what a plain model says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 3, maxLength: 20 }), fc.nat(4), async (operations, every) => {
      const run = new Run(await Publisher.create());
      const [faithful, seldom] = [createMemoryStore(), createMemoryStore()];
      for (const [at, each] of operations.entries()) {
        await run.apply(each);
        await run.check(faithful);
        if (at % (every + 2) === 0) await run.check(seldom);
      }
      await run.check(seldom);
      await run.check();
      run.publisher.repository = await openRepository(run.publisher.store);
      await run.publisher.publish({});
      await run.check();
    }),
    { numRuns: 40 },
  );
});
