// A map over one object of a metadata file. Every entry has been checked; its model is made when somebody asks for it,
// so that one look-up among ten thousand targets costs one target.

import type { JsonObject } from "../core/index.ts";

export class LazyMap<T extends object> implements ReadonlyMap<string, T> {
  private readonly made = new Map<string, T>();

  constructor(
    private readonly tree: JsonObject,
    readonly size: number,
    private readonly make: (name: string) => T,
  ) {}

  has(name: string): boolean {
    return this.tree[name] !== undefined;
  }

  get(name: string): T | undefined {
    if (!this.has(name)) return undefined;
    const before = this.made.get(name);
    if (before !== undefined) return before;
    const value = this.make(name);
    this.made.set(name, value);
    return value;
  }

  keys(): MapIterator<string> {
    return Object.keys(this.tree)[Symbol.iterator]() as MapIterator<string>;
  }

  *values(): Generator<T, undefined> {
    for (const name of this.keys()) yield this.get(name)!;
  }

  *entries(): Generator<[string, T], undefined> {
    for (const name of this.keys()) yield [name, this.get(name)!];
  }

  [Symbol.iterator](): MapIterator<[string, T]> {
    return this.entries();
  }

  forEach(visit: (value: T, name: string, map: ReadonlyMap<string, T>) => void): void {
    for (const [name, value] of this) visit(value, name, this);
  }
}
