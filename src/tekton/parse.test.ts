import assert from "node:assert/strict";
import { test } from "node:test";
import { isProblem, utf8 } from "../core/index.ts";
import { parseDocuments } from "./index.ts";

const task = (spec: string) =>
  `apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec:\n  ${spec.replaceAll("\n", "\n  ")}\n`;
const parse = (text: string) => parseDocuments(utf8(text));

function refused(text: string, code: string, message: RegExp): void {
  assert.throws(
    () => parse(text),
    (error) => isProblem(error) && error.code === code && message.test(error.message),
    text,
  );
}

test("a field that Tekton does not have is refused with its path", () => {
  refused(task("steps: [{image: a, comand: [x]}]"), "tekton/unknown-field", /Task\.spec\.steps\[0\]\.comand/);
});

test("a field that Tekton has and this engine has not is refused by name, never dropped", () => {
  refused(task("steps: [{image: a}]\nsidecars: [{image: b}]"), "tekton/unsupported", /Task\.spec\.sidecars/);
  refused(task("steps: [{image: a, envFrom: []}]"), "tekton/unsupported", /steps\[0\]\.envFrom/);
  refused(task("steps: [{image: a, ref: {name: x}}]"), "tekton/unsupported", /steps\[0\]\.ref/);
});

test("fields that only a cluster understands are ignored and noted", () => {
  const { notes } = parse(task("steps: [{image: a, command: [x], computeResources: {}, imagePullPolicy: Always}]"));
  assert.deepEqual(notes, ["Task.spec.steps[0].computeResources", "Task.spec.steps[0].imagePullPolicy"]);
});

test("a security context is accepted when the sandbox meets it, and refused when it asks for more", () => {
  parse(task("steps: [{image: a, securityContext: {runAsNonRoot: true, capabilities: {drop: [ALL]}}}]"));
  refused(task("steps: [{image: a, securityContext: {privileged: true}}]"), "tekton/unsupported", /privileged/);
  refused(task("steps: [{image: a, securityContext: {runAsUser: 0}}]"), "tekton/unsupported", /runAsUser/);
  refused(
    task("steps: [{image: a, securityContext: {capabilities: {add: [SYS_ADMIN]}}}]"),
    "tekton/unsupported",
    /capabilities/,
  );
});

test("a plain scalar that YAML 1.1 and 1.2 read differently must be quoted", () => {
  for (const word of ["yes", "no", "on", "off", "010", "1_000", "1:30", "0b11"]) {
    refused(task(`steps: [{image: a, args: [x, ${word}]}]`), "tekton/yaml-invalid", /quote it/);
    parse(task(`steps: [{image: a, args: [x, "${word}"]}]`));
  }
});

test("a number that would change when read back must be quoted", () => {
  const param = (value: string) => task(`params: [{name: p, default: ${value}}]\nsteps: [{image: a}]`);
  for (const number of ["1.20", "1e3", "0x10", "+1", ".5", "12345678901234567890", "-0", ".inf"]) {
    refused(param(number), "tekton/yaml-invalid", /quote it/);
  }
  assert.equal(parse(param("1.5")).tasks.get("t")!.params[0]!.default, "1.5");
});

test("duplicate keys, tags nobody knows, merge keys and other YAML versions are refused", () => {
  refused("a: 1\na: 2\n", "tekton/yaml-invalid", /unique/);
  refused(task("steps: [{image: !thing a}]"), "tekton/yaml-invalid", /./);
  refused(task("steps: [{<<: {image: a}}]"), "tekton/yaml-invalid", /./);
  refused("%YAML 1.1\n---\na: b\n", "tekton/yaml-invalid", /./);
});

test("an alias is followed, an alias bomb and deep nesting are not", () => {
  const shared = parse(task("steps: [{image: &i a, command: [x]}, {image: *i, command: [y]}]"));
  assert.equal(shared.tasks.get("t")!.steps[1]!.image, "a");
  let bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (let i = 1; i < 9; i++) bomb += `a${i}: &a${i} [${`*a${i - 1},`.repeat(10)}]\n`;
  refused(bomb, "tekton/yaml-invalid", /values/);
  refused("&a [*a]\n", "tekton/yaml-invalid", /./);
  refused(`${"[".repeat(100_000)}`, "tekton/yaml-invalid", /./);
});

test("a step template gives what a step leaves out, and env is joined by name", () => {
  const { tasks } = parse(
    task(
      "stepTemplate: {image: a, env: [{name: X, value: t}, {name: Y, value: t}]}\nsteps: [{script: s, env: [{name: X, value: s}]}]",
    ),
  );
  const [step] = tasks.get("t")!.steps;
  assert.equal(step!.image, "a");
  assert.deepEqual(step!.env, [
    { name: "Y", value: "t" },
    { name: "X", value: "s" },
  ]);
});

test("script and command exclude each other, and a step needs an image", () => {
  refused(task("steps: [{image: a, command: [x], script: y}]"), "tekton/invalid", /exclude/);
  refused(task("steps: [{command: [x]}]"), "tekton/invalid", /image/);
  refused(task("steps: []"), "tekton/invalid", /steps/);
});
