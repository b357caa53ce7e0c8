// What the operator has published, as the clients may see it: every target counts its versions, and says in its content
// which it is. What was acknowledged before a client began must be there; what was not yet asked for cannot.

export interface Change {
  readonly path: string;
  readonly sequence: number;
  readonly isRemoved: boolean;
}

export class Ledger {
  private readonly changes = new Map<string, Change[]>();
  private readonly acknowledged = new Map<string, number>();

  /** The next change of a path; asked for from now on. */
  next(path: string, isRemoved: boolean): Change {
    const known = this.changes.get(path) ?? [];
    this.changes.set(path, known);
    const change = { path, sequence: known.length + 1, isRemoved };
    known.push(change);
    return change;
  }

  acknowledge({ path, sequence }: Change): void {
    this.acknowledged.set(path, sequence);
  }

  paths(): readonly string[] {
    return [...this.changes.keys()];
  }

  isThere(path: string): boolean {
    return this.changes.get(path)?.at(-1)?.isRemoved === false;
  }

  /** The sequence number below which nothing of a path may be seen by who begins now. */
  floor(path: string): number {
    return this.acknowledged.get(path) ?? 0;
  }

  /** The sequence number that was seen, or undefined for what can only be stale or forged. `seen` undefined: not there. */
  allows(path: string, seen: string | undefined, floor: number): number | undefined {
    if (seen === undefined && floor === 0) return 0;
    const allowed = (this.changes.get(path) ?? []).slice(Math.max(floor - 1, 0));
    return allowed.find((change) => (change.isRemoved ? undefined : contentOf(change)) === seen)?.sequence;
  }
}

export function contentOf({ path, sequence }: Pick<Change, "path" | "sequence">): string {
  return `${path}#${sequence}`;
}
