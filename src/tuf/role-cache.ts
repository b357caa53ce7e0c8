// Targets roles that have been read, within a bound; and, for the others that were verified once, what they looked
// like then: one whose bytes have not changed, under the same delegation, is not verified again.

import type { Verified } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import type { Metadata, Role, Targets } from "./model.ts";

// Metadata as a model takes some ten times its bytes.
const maxHeldBytes = 4 * 1024 * 1024;
const maxSeen = 65_536;

interface Held {
  readonly by: Role;
  readonly metadata: Verified<Metadata<Targets>>;
}

export class RoleCache {
  private readonly held = new Map<string, Held>();
  private readonly seen = new Map<string, { readonly by: Role; readonly sha256: string }>();
  private heldBytes = 0;

  /** By the file's versioned name and the delegation that vouched for it. */
  get(file: string, by: Role): Verified<Metadata<Targets>> | undefined {
    const found = this.held.get(file);
    return found?.by === by ? found.metadata : undefined;
  }

  put(file: string, by: Role, metadata: Verified<Metadata<Targets>>): void {
    this.drop(file);
    this.held.set(file, { by, metadata });
    this.heldBytes += metadata.bytes.length;
    for (const oldest of this.held.keys()) {
      if (this.heldBytes <= maxHeldBytes) break;
      this.drop(oldest);
    }
    this.note(file, by, metadata.bytes);
  }

  /** These bytes have been verified. */
  note(file: string, by: Role, bytes: Uint8Array): void {
    if (this.seen.size > maxSeen) this.seen.clear();
    this.seen.set(file, { by, sha256: digestHex("sha256", bytes) });
  }

  wasVerified(file: string, by: Role, bytes: Uint8Array): boolean {
    const before = this.seen.get(file);
    return before !== undefined && before.by === by && before.sha256 === digestHex("sha256", bytes);
  }

  private drop(file: string): void {
    this.heldBytes -= this.held.get(file)?.metadata.bytes.length ?? 0;
    this.held.delete(file);
  }
}
