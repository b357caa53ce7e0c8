import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { vectors } from "../../test/vectors.ts";
import { isProblem } from "../core/index.ts";
import { verifyConsistency, verifyInclusion, verifySubtreeConsistency, verifySubtreeInclusion } from "./index.ts";

interface Vector {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly leafHash: string;
  readonly root: string;
  readonly size1: number;
  readonly size2: number;
  readonly start: number;
  readonly end: number;
  readonly size: number;
  readonly root1: string;
  readonly root2: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

function proofOf(vector: Vector): Uint8Array[] {
  return (vector.proof ?? []).map(bytes);
}

function runAll(t: TestContext, folder: string, verify: (vector: Vector) => void): void {
  const root = vectors(t, "merkle");
  if (root === undefined) return;
  const paths = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".json"),
  );
  let good = 0;
  for (const path of paths) {
    const vector = JSON.parse(readFileSync(join(root, folder, path), "utf8")) as Vector;
    if (vector.wantErr) {
      assert.throws(
        () => verify(vector),
        (error) => isProblem(error),
        path,
      );
    } else {
      verify(vector);
      good++;
    }
  }
  assert.ok(good >= 6 && paths.length - good >= 90, `${good} of ${paths.length}`);
}

test("every public inclusion proof is accepted or refused as its authors say", (t) => {
  runAll(t, "inclusion", (v) => {
    const claim = { leafHash: bytes(v.leafHash), index: v.leafIdx, size: v.treeSize };
    verifyInclusion({ ...claim, proof: proofOf(v), root: bytes(v.root) });
  });
});

test("every public consistency proof is accepted or refused as its authors say", (t) => {
  runAll(t, "consistency", (v) => {
    const claim = { size1: v.size1, root1: bytes(v.root1), size2: v.size2, root2: bytes(v.root2) };
    verifyConsistency({ ...claim, proof: proofOf(v) });
  });
});

test("every public subtree inclusion proof is accepted or refused as its authors say", (t) => {
  runAll(t, "subtreeinclusion", (v) => {
    const claim = { leafHash: bytes(v.leafHash), index: v.leafIdx, start: v.start, end: v.end };
    verifySubtreeInclusion({ ...claim, proof: proofOf(v), root: bytes(v.root) });
  });
});

test("every public subtree consistency proof is accepted or refused as its authors say", (t) => {
  runAll(t, "subtreeconsistency", (v) => {
    const claim = { start: v.start, end: v.end, root1: bytes(v.root1), size: v.size, root2: bytes(v.root2) };
    verifySubtreeConsistency({ ...claim, proof: proofOf(v) });
  });
});

test("sizes and indices that are no safe integers are refused", () => {
  const hash = new Uint8Array(32);
  const proof: Uint8Array[] = [];
  for (const size of [Number.NaN, -1, 1.5, 2 ** 53, Number.POSITIVE_INFINITY]) {
    assert.throws(() => verifyInclusion({ leafHash: hash, index: 0, size, proof, root: hash }), isProblem);
    const roots = { root1: hash, root2: hash, proof };
    assert.throws(() => verifyConsistency({ size1: size, size2: size, ...roots }), isProblem);
  }
});
