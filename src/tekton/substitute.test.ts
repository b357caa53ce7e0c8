import assert from "node:assert/strict";
import { test } from "node:test";
import { isProblem } from "../core/index.ts";
import * as fc from "fast-check";
import { Scope, substitute, substituteExpanding, substituteList } from "./substitute.ts";

const scope = new Scope()
  .value("params", "s", "text")
  .value("params", "a", ["one", "two"])
  .value("params", "o", { key: "value" });

test("every spelling of a variable is replaced", () => {
  const text = `$(params.s) $(params['s']) $(params["s"]) $(params.a[1]) $(params.o.key) $(params['o'].key)`;
  assert.equal(substitute(text, scope, "p"), "text text text two value value");
});

test("what is not Tekton's stays: shell substitutions, dollars, unknown heads", () => {
  const text = "$(date) $$ $$$$ ${x} $(foo.bar) $(params_x) $(cat file)";
  assert.equal(substitute(text, scope, "p"), text);
});

test("a variable that nobody defines is refused", () => {
  for (const name of [
    "params.missing",
    "params.a[2]",
    "params.o.none",
    "tasks.t.results.r",
    "context.nothing",
    "results.r.path",
  ]) {
    assert.throws(
      () => substitute(`$(${name})`, scope, "p"),
      (error) => isProblem(error, "tekton/variable-unknown"),
      name,
    );
  }
});

test("an array or object stands alone or not at all", () => {
  assert.throws(
    () => substitute("x $(params.a[*])", scope, "p"),
    (error) => isProblem(error, "tekton/invalid"),
  );
  assert.deepEqual(substituteList(["x", "$(params.a[*])", "y"], scope, "p"), ["x", "one", "two", "y"]);
});

test("a value is data: what it holds is never substituted again", () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.constantFrom("$(params.t)", "$(params.s)", "$(HOME)", "$$(HOME)", "$("),
      (noise, trick) => {
        const value = noise + trick + noise;
        const own = new Scope().value("params", "s", value).value("params", "t", "secret");
        const env = new Map([["HOME", "/root"]]);
        assert.equal(substitute("<$(params.s)>", own, "p"), `<${value}>`);
        assert.equal(substituteExpanding("<$(params.s)>", own, env, "p"), `<${value}>`);
        assert.deepEqual(substituteList(["$(params.s)"], own, "p"), [value]);
      },
    ),
  );
});

test("the environment is expanded in command, args and env as Kubernetes does, with $$ to escape", () => {
  const env = new Map([["HOME", "/h"]]);
  assert.equal(
    substituteExpanding("$(HOME) $$(HOME) $(NONE) $$ $(params.s)", scope, env, "p"),
    "/h $(HOME) $(NONE) $ text",
  );
});

test("an inner definition hides the outer one, longer arrays included", () => {
  const inner = scope.extend().value("params", "a", ["only"]);
  assert.throws(() => substitute("$(params.a[1])", inner, "p"));
  assert.equal(substitute("$(params.a[1])", scope, "p"), "two");
});
