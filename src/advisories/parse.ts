// OSV schema 1.7 records. Fields that matching does not use are ignored, as the schema asks of readers; those it
// uses are checked, and a record that cannot be read is refused rather than read in part.

import { Fields, parseJson, parseRfc3339, Problem, type Json } from "../core/index.ts";
import { limits, type Advisory, type Affected, type AffectedRange, type RangeEvent, type Severity } from "./model.ts";

const code = "advisories/record-invalid";
const severities: Readonly<Record<string, Severity>> = {
  LOW: "low",
  MODERATE: "moderate",
  MEDIUM: "moderate",
  HIGH: "high",
  CRITICAL: "critical",
};

/** One OSV record. Problems: `advisories/record-invalid`, `advisories/schema-unsupported`. */
export function parseAdvisory(bytes: Uint8Array): Advisory {
  return advisory(json(bytes, limits.recordBytes), "record");
}

/** A JSON array of OSV records: what is distributed as one file. Problems as `parseAdvisory`; an empty set is refused. */
export function parseAdvisorySet(bytes: Uint8Array): readonly Advisory[] {
  const set = json(bytes, limits.setBytes);
  if (!Array.isArray(set)) throw new Problem(code, "advisory set is not an array");
  if (set.length === 0 || set.length > limits.records) {
    throw new Problem(code, `advisory set holds ${set.length} records, 1 to ${limits.records} are allowed`);
  }
  return set.map((each: Json, index) => advisory(each, `set[${index}]`));
}

function json(bytes: Uint8Array, maxBytes: number): Json {
  try {
    return parseJson(bytes, { maxBytes });
  } catch (cause) {
    throw new Problem(code, "advisory is not strict JSON", { cause });
  }
}

function advisory(value: Json, path: string): Advisory {
  const record = Fields.of(value, path, code);
  const schema = record.optional("schema_version", (name) => record.string(name, { max: 40 })) ?? "1.0.0";
  if (!/^1\.\d+\.\d+/.test(schema)) {
    throw new Problem("advisories/schema-unsupported", `OSV schema version ${schema} is not supported, 1.x is`);
  }
  const id = record.string("id", { min: 1, max: limits.textLength });
  const aliases = record.nullable("aliases", (name) => record.strings(name, { max: limits.aliases })) ?? [];
  const withdrawnMs = record.nullable("withdrawn", (name) => time(record, name));
  const severity = label(record);
  return {
    id,
    aliases,
    summary: record.nullable("summary", (name) => record.string(name)) ?? "",
    modifiedMs: time(record, "modified"),
    ...(withdrawnMs === undefined ? {} : { withdrawnMs }),
    ...(severity === undefined ? {} : { severity }),
    malicious: isMalicious(record, [id, ...aliases]),
    affected: record.nullable("affected", (name) => record.objects(name, { max: limits.affected }, affected)) ?? [],
  };
}

// Go's zero time, which the Go database publishes as `modified` of every record; years below 100 are refused else.
const zeroTime = "0001-01-01T00:00:00Z";
const zeroTimeMs = -62_135_596_800_000;

function time(record: Fields, name: string): number {
  const text = record.string(name, { max: 64 });
  if (text === zeroTime) return zeroTimeMs;
  try {
    return parseRfc3339(text);
  } catch (cause) {
    throw new Problem(code, `${name} is not an RFC 3339 time`, { cause });
  }
}

/** The label the GitHub database keeps; anything else there is another database's own business. */
function label(record: Fields): Severity | undefined {
  const specific = databaseSpecific(record)?.value["severity"];
  return typeof specific === "string" && Object.hasOwn(severities, specific) ? severities[specific] : undefined;
}

function isMalicious(record: Fields, ids: readonly string[]): boolean {
  const weaknesses = databaseSpecific(record)?.value["cwe_ids"];
  return ids.some((each) => each.startsWith("MAL-")) || (Array.isArray(weaknesses) && weaknesses.includes("CWE-506"));
}

function databaseSpecific(record: Fields): Fields | undefined {
  return record.nullable("database_specific", (name) => record.object(name));
}

function affected(fields: Fields): Affected {
  const named = fields.nullable("package", (name) => fields.object(name));
  return {
    ...(named === undefined
      ? {}
      : {
          package: {
            ecosystem: named.string("ecosystem", { min: 1, max: limits.textLength }),
            name: named.string("name", { min: 1, max: limits.textLength }),
          },
        }),
    ranges: fields.nullable("ranges", (name) => fields.objects(name, { max: limits.ranges }, range)) ?? [],
    versions: fields.nullable("versions", (name) => fields.strings(name, { max: limits.versions })) ?? [],
  };
}

function range(fields: Fields): AffectedRange {
  const events = fields.objects("events", { min: 1, max: limits.events }, event);
  if (!events.some((each) => each.kind === "introduced")) throw fields.problem("events", "has no introduced event");
  return { type: fields.oneOf("type", "SEMVER", "ECOSYSTEM", "GIT"), events };
}

function event(fields: Fields): RangeEvent {
  const kinds = (["introduced", "fixed", "last_affected", "limit"] as const).filter((kind) => fields.has(kind));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) throw new Problem(code, "a range event is not exactly one of its kinds");
  return { kind, at: fields.string(kind, { min: 1, max: limits.textLength }) };
}
