import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatDuration, parseDuration } from "./duration.ts";
import { md5Hex } from "./md5.ts";
import { childName, isDnsLabel } from "./names.ts";

test("MD5 is that of the host", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
      assert.equal(md5Hex(data), createHash("md5").update(data).digest("hex"));
    }),
  );
});

test("a child's name is parent and suffix, or fits a label by way of a digest", () => {
  assert.equal(childName("run", "-task"), "run-task");
  const parent = "p".repeat(60);
  const hash = createHash("md5").update(parent).digest("hex");
  assert.equal(childName(parent, "-task"), `${"p".repeat(26)}${hash}-task`);
  const suffix = `-${"t".repeat(40)}`;
  const both = createHash("md5")
    .update(parent + suffix)
    .digest("hex");
  assert.equal(childName(parent, suffix), `${"p".repeat(31)}${both}`);
  assert.equal(childName("short", `-${"t".repeat(62)}`).length, 63);
});

test("every child's name of a label is a label", () => {
  const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?$/);
  fc.assert(fc.property(label, label, (parent, task) => assert.ok(isDnsLabel(childName(parent, `-${task}`)))));
});

test("durations are read and written as Go does", () => {
  assert.equal(parseDuration("1h30m"), 5_400_000);
  assert.equal(parseDuration("1.5s"), 1500);
  assert.equal(parseDuration("0"), 0);
  for (const text of ["", "5", "1h ", "-1s", "1d", "h", "1h1"]) assert.throws(() => parseDuration(text), text);
  assert.equal(formatDuration(3_600_000), "1h0m0s");
  assert.equal(formatDuration(90_500), "1m30.5s");
  assert.equal(formatDuration(10), "10ms");
});
