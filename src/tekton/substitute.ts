// Variables `$(...)`: Tekton docs/variables.md, and Kubernetes' `$(NAME)` in command, args and env. One pass over the
// text the author wrote: what is put in is data, and a value that holds `$(...)` is never looked at again. That is
// stricter than Tekton, which substitutes again in later stages; a variable that nobody defines is refused.

import { Problem } from "../core/index.ts";
import { maxTextLength } from "./limits.ts";
import type { ParamValue } from "./model.ts";
import { arrayItems, objectEntries, valueType } from "./param-value.ts";

/** Heads that belong to Tekton; anything else in `$(...)` is the shell's or Kubernetes' and stays. */
const heads =
  /^(?:inputs\.params|params|results|workspaces|context|tasks|steps|step|finally|credentials|artifacts)(?=[.[]|$)/;
// The second dollar is Kubernetes' escape, which only expandEnvironment reads.
const token = /\$?\$\(([^()\s]+)\)|\$\$/g;

/** What the variables of one place stand for. Names are without `$()`, in every spelling that Tekton allows. */
export class Scope {
  private readonly texts = new Map<string, string>();
  private readonly values = new Map<string, ParamValue>();
  /** Names that exist but have no value; using one is Problem `tekton/result-missing`. */
  private readonly missing = new Map<string, string>();
  /** Names whose value is known only later; while a run is being checked they stand for an empty text. */
  private readonly later = new Set<string>();

  /** A copy that can be added to. */
  extend(): Scope {
    const scope = new Scope();
    for (const [key, value] of this.texts) scope.texts.set(key, value);
    for (const [key, value] of this.values) scope.values.set(key, value);
    for (const [key, value] of this.missing) scope.missing.set(key, value);
    for (const key of this.later) scope.later.add(key);
    return scope;
  }

  text(name: string, value: string): this {
    this.texts.set(name, value);
    return this;
  }

  /** `head.name` in its three spellings: a text, or a whole value with its items or keys. */
  value(head: string, name: string, value: ParamValue): this {
    for (const spelling of spellings(head, name)) {
      this.forget(spelling, valueType(value) === "object");
      if (typeof value === "string") this.texts.set(spelling, value);
      else this.values.set(`${spelling}[*]`, value);
      arrayItems(value)?.forEach((item, index) => this.texts.set(`${spelling}[${index}]`, item));
      for (const [key, item] of objectEntries(value) ?? []) this.texts.set(`${spelling}.${key}`, item);
    }
    return this;
  }

  /** An inner definition hides the outer one, items and keys too; but an object lets keys it lacks shine through. */
  private forget(spelling: string, keepKeys: boolean): void {
    this.texts.delete(spelling);
    this.values.delete(`${spelling}[*]`);
    this.later.delete(spelling);
    for (const key of this.texts.keys()) {
      if (key.startsWith(`${spelling}[`) || (key.startsWith(`${spelling}.`) && !keepKeys)) this.texts.delete(key);
    }
  }

  absent(head: string, name: string, why: string): this {
    for (const spelling of spellings(head, name)) this.missing.set(spelling, why);
    return this;
  }

  /** A name that will have a value when the run gets there. */
  promise(head: string, name: string): this {
    for (const spelling of spellings(head, name)) {
      this.forget(spelling, false);
      this.later.add(spelling);
    }
    return this;
  }

  /** True for a promised name, an item of it or a key of it. */
  promised(name: string): boolean {
    return this.later.has(name) || bases(name).some((base) => this.later.has(base));
  }

  /** The text of a variable. Problems `tekton/variable-unknown`, `tekton/result-missing`, `tekton/invalid`. */
  lookup(name: string, path: string): string {
    const text = this.texts.get(name);
    if (text !== undefined) return text;
    if (this.values.has(name)) {
      throw new Problem(
        "tekton/invalid",
        `${path}: $(${name}) is a whole value and must stand alone where a list may be`,
      );
    }
    return this.promised(name) ? "" : this.refuse(name, path);
  }

  /** True when the name stands for a text, now or later. */
  has(name: string): boolean {
    return this.texts.has(name) || this.later.has(name);
  }

  whole(name: string): ParamValue | undefined {
    return this.values.get(name);
  }

  private refuse(name: string, path: string): never {
    const why = [name, ...bases(name)].map((each) => this.missing.get(each)).find((each) => each !== undefined);
    if (why !== undefined) throw new Problem("tekton/result-missing", `${path}: $(${name}) has no value: ${why}`);
    throw new Problem("tekton/variable-unknown", `${path}: $(${name}) is not defined`);
  }
}

/** What `name` may be an item or a key of: `a.b[0]` of `a.b`, `a.b` of `a`. */
function bases(name: string): readonly string[] {
  const item = name.replace(/\[(?:\*|\d+)\]$/, "");
  const dot = item.lastIndexOf(".");
  return dot > 0 ? [item, item.slice(0, dot)] : [item];
}

export function spellings(head: string, name: string): readonly string[] {
  return [`${head}.${name}`, `${head}['${name}']`, `${head}["${name}"]`];
}

/** The names of Tekton's variables in a text, each as it is written. */
export function variablesOf(text: string): string[] {
  const names: string[] = [];
  for (const match of text.matchAll(token)) {
    if (match[1] !== undefined && heads.test(match[1])) names.push(match[1]);
  }
  return names;
}

/** The text with its variables replaced. Problems as `Scope.lookup`, and `tekton/invalid` when it grows too long. */
export function substitute(text: string, scope: Scope, path: string): string {
  return bounded(
    text.replaceAll(token, (match, name?: string) => {
      if (name === undefined || !heads.test(name)) return match;
      return (match.startsWith("$$") ? "$" : "") + scope.lookup(name, path);
    }),
    path,
  );
}

/**
 * As `substitute`, then `$(NAME)` of the environment and `$$` for `$`, as Kubernetes does for command, args and env
 * (not for scripts); in the same pass, so that values stay data.
 */
export function substituteExpanding(
  text: string,
  scope: Scope,
  env: ReadonlyMap<string, string>,
  path: string,
): string {
  return bounded(
    text.replaceAll(token, (match, name?: string) => {
      if (name === undefined) return "$";
      const escaped = match.startsWith("$$");
      if (heads.test(name)) return (escaped ? "$" : "") + scope.lookup(name, path);
      if (escaped) return match.slice(1);
      return env.get(name) ?? match;
    }),
    path,
  );
}

function bounded(text: string, path: string): string {
  if (text.length > maxTextLength) throw new Problem("tekton/invalid", `${path} is too long after substitution`);
  return text;
}

/** A list in which an item that is just `$(x[*])` becomes the items of the array x. */
export function substituteList(
  items: readonly string[],
  scope: Scope,
  path: string,
  one: (item: string, path: string) => string = (item, at) => substitute(item, scope, at),
): string[] {
  return items.flatMap((item, index) => {
    const at = `${path}[${index}]`;
    const star = wholeReference(item);
    const value = star === undefined ? undefined : scope.whole(star);
    if (value === undefined) return [one(item, at)];
    const values = arrayItems(value);
    if (values === undefined) throw new Problem("tekton/invalid", `${at}: $(${star}) is an object, not an array`);
    return values;
  });
}

/** A param's value: `$(x[*])` alone becomes the whole array or object, else every text in it is substituted. */
export function substituteValue(value: ParamValue, scope: Scope, path: string): ParamValue {
  if (typeof value === "string") {
    const star = wholeReference(value);
    return (star === undefined ? undefined : scope.whole(star)) ?? substitute(value, scope, path);
  }
  const items = arrayItems(value);
  if (items !== undefined) return substituteList(items, scope, path);
  const entries = objectEntries(value)!.map(([key, each]) => [key, substitute(each, scope, `${path}.${key}`)] as const);
  return Object.assign(Object.create(null) as object, Object.fromEntries(entries)) as {
    readonly [key: string]: string;
  };
}

/** The name with `[*]` when the text is nothing but one variable that may be whole; a result needs no star. */
function wholeReference(text: string): string | undefined {
  const name = /^\$\(([^()\s]+)\)$/.exec(text)?.[1];
  if (name === undefined || name.endsWith("[*]")) return name;
  return name.startsWith("tasks.") || name.startsWith("finally.") ? `${name}[*]` : undefined;
}

/** The promised whole value that this text is, if it is one: its items cannot be counted yet. */
export function isPromise(text: string, scope: Scope): boolean {
  const star = wholeReference(text);
  return star !== undefined && scope.promised(star.slice(0, -3));
}
