// What snapshot lists, kept as the canonical text of each entry: a publication among 16,384 bins changes a few of them
// and joins the rest. The text is the message that is signed and stands in the file as it is.

import { compareCodePoints, formatUtcSeconds, fromUtf8, olpcCanonicalJson, utf8 } from "../core/index.ts";
import { encodeMeta, specVersion } from "./create.ts";
import type { MetaFile, Snapshot } from "./model.ts";

/** A value, and a map of the entries. */
export class SnapshotIndex implements ReadonlyMap<string, MetaFile> {
  private constructor(
    /** In canonical order. */
    private readonly files: readonly string[],
    private readonly metas: readonly MetaFile[],
    private readonly texts: readonly string[],
    private readonly places: ReadonlyMap<string, number>,
  ) {}

  static empty = new SnapshotIndex([], [], [], new Map());

  static of(snapshot: Snapshot): SnapshotIndex {
    return SnapshotIndex.empty.with(snapshot.meta);
  }

  /** Another one, with these entries added or in the place of what there was. */
  with(changes: ReadonlyMap<string, MetaFile>): SnapshotIndex {
    const added = [...changes.keys()].filter((file) => !this.places.has(file));
    if (added.length > 0) return this.grown(changes, added);
    const [metas, texts] = [[...this.metas], [...this.texts]];
    for (const [file, meta] of changes) {
      const place = this.places.get(file)!;
      metas[place] = meta;
      texts[place] = entryText(file, meta);
    }
    return new SnapshotIndex(this.files, metas, texts, this.places);
  }

  private grown(changes: ReadonlyMap<string, MetaFile>, added: readonly string[]): SnapshotIndex {
    const files = [...this.files, ...added].sort(compareCodePoints);
    const metas = files.map((file) => changes.get(file) ?? this.get(file)!);
    const texts = files.map((file, at) => {
      return changes.has(file) ? entryText(file, metas[at]!) : this.texts[this.places.get(file)!]!;
    });
    return new SnapshotIndex(files, metas, texts, new Map(files.map((file, place) => [file, place])));
  }

  /** The canonical form of the whole `signed` object of §4.4. */
  message(version: number, expiresMs: number): Uint8Array {
    const expires = formatUtcSeconds(expiresMs);
    const meta = this.texts.join(",");
    return utf8(
      `{"_type":"snapshot","expires":"${expires}","meta":{${meta}},"spec_version":"${specVersion}","version":${version}}`,
    );
  }

  get size(): number {
    return this.files.length;
  }

  has(file: string): boolean {
    return this.places.has(file);
  }

  get(file: string): MetaFile | undefined {
    const place = this.places.get(file);
    return place === undefined ? undefined : this.metas[place];
  }

  keys(): MapIterator<string> {
    return this.files[Symbol.iterator]() as MapIterator<string>;
  }

  values(): MapIterator<MetaFile> {
    return this.metas[Symbol.iterator]() as MapIterator<MetaFile>;
  }

  *entries(): Generator<[string, MetaFile], undefined> {
    for (const [place, file] of this.files.entries()) yield [file, this.metas[place]!];
  }

  [Symbol.iterator](): MapIterator<[string, MetaFile]> {
    return this.entries();
  }

  forEach(visit: (meta: MetaFile, file: string, map: ReadonlyMap<string, MetaFile>) => void): void {
    for (const [file, meta] of this.entries()) visit(meta, file, this);
  }
}

function entryText(file: string, meta: MetaFile): string {
  return `${fromUtf8(olpcCanonicalJson(file))}:${fromUtf8(olpcCanonicalJson(encodeMeta(meta)))}`;
}
