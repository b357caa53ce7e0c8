// Advisory data from folders: OSV records as `*.json` files (a file may hold a list), `kev.json` the catalogue of known
// exploited vulnerabilities, `as-of.json` the moment the data was taken; without it, its newest record's.

import { join } from "node:path";
import {
  type Advisory,
  type AdvisoryIndex,
  createAdvisoryIndex,
  type ExploitedCatalog,
  parseAdvisory,
  parseAdvisorySet,
  parseExploitedCatalog,
} from "../advisories/index.ts";
import { Fields, parseJson, parseRfc3339, Problem } from "../core/index.ts";
import { listFiles, read } from "./files.ts";

const maxFiles = 200_000;
const maxRecordBytes = 256 * 1024 * 1024;
const exploitedNames = new Set(["kev.json", "known_exploited_vulnerabilities.json"]);
const asOfName = "as-of.json";
/** Reads that are under way at once. */
const readsAtOnce = 32;

export interface AdvisoryFolder {
  readonly index: AdvisoryIndex;
  readonly asOfMs: number;
  readonly exploitedAsOfMs: number | undefined;
}

/** Problems `advisories/folder-empty`, `io/*`, and those of the records. Nothing is skipped: half the data would look like no findings. */
export async function loadAdvisoryFolders(folders: readonly string[]): Promise<AdvisoryFolder> {
  const records: Advisory[] = [];
  let exploited: ExploitedCatalog | undefined;
  let asOfMs: number | undefined;
  const paths: string[] = [];
  for (const folder of folders) {
    const files = await listFiles(folder, { maxFiles });
    paths.push(...files.map(({ path }) => join(folder, path)).filter((path) => path.endsWith(".json")));
  }
  for (let at = 0; at < paths.length; at += readsAtOnce) {
    const group = paths.slice(at, at + readsAtOnce);
    const contents = await Promise.all(group.map((path) => read(path, maxRecordBytes)));
    for (const [index, bytes] of contents.entries()) {
      const name = (group[index] as string).split("/").at(-1) as string;
      if (exploitedNames.has(name)) exploited = joined(exploited, parseExploitedCatalog(bytes));
      else if (name === asOfName) asOfMs = Math.max(asOfMs ?? 0, parseAsOf(bytes));
      else for (const record of readRecords(group[index] as string, bytes)) records.push(record);
    }
  }
  if (records.length === 0) {
    throw new Problem("advisories/folder-empty", `${folders.join(", ")} holds no advisory`, {
      hint: "name a folder of OSV records with --advisories",
    });
  }
  const index = createAdvisoryIndex(records, exploited === undefined ? {} : { exploited });
  return { index, asOfMs: asOfMs ?? index.modifiedMs, exploitedAsOfMs: exploited?.releasedMs };
}

/** Two catalogues as one: an entry of either counts, and where both have one the newer's. */
function joined(known: ExploitedCatalog | undefined, other: ExploitedCatalog): ExploitedCatalog {
  if (known === undefined) return other;
  const [older, newer] = known.releasedMs <= other.releasedMs ? [known, other] : [other, known];
  return { ...newer, entries: new Map([...older.entries, ...newer.entries]) };
}

function readRecords(path: string, bytes: Uint8Array): readonly Advisory[] {
  try {
    const first = bytes.find((byte) => byte > 0x20);
    return first === 0x5b ? parseAdvisorySet(bytes) : [parseAdvisory(bytes)];
  } catch (cause) {
    throw new Problem("advisories/folder-invalid", `${path} is not an OSV record`, { cause });
  }
}

function parseAsOf(bytes: Uint8Array): number {
  const fields = Fields.of(parseJson(bytes, { maxBytes: 4096 }), asOfName, "advisories/folder-invalid");
  return parseRfc3339(fields.string("asOf"));
}
