// TransparencyLogEntry of protobuf-specs 0.5 (sigstore_rekor.proto) in protobuf's binary form, as a signature of git
// holds it; only this one message. Stricter than the encoding's specification: one form for each value. Fields ascend
// and stand once, unknown ones are refused, numbers are minimal, whole and not negative, a default is not written.

import { concat, demand, fromUtf8, utf8 } from "../core/index.ts";
import { maxBodyBytes, maxCheckpointChars, maxProofHashes, maxSignatureBytes } from "./limits.ts";
import type { InclusionProof, TransparencyLogEntry } from "./model.ts";

const code = "sigstore/log-entry-invalid";
const varint = 0;
const lengthDelimited = 2;
/** Of 2^53-1 in groups of seven bits. */
const maxVarintBytes = 8;
const maxKindChars = 64;

/** An entry whose body may be left out, as it can be made anew of what it is about. */
export type StoredLogEntry = Omit<TransparencyLogEntry, "canonicalizedBody"> & {
  readonly canonicalizedBody: Uint8Array | undefined;
};

/** Reads the fields of one message, in their order. */
class MessageReader {
  private at = 0;
  private before = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** The number of the next field, when it is this one of this wire type; its tag is then read. */
  private takes(field: number, wireType: number): boolean {
    const start = this.at;
    if (start === this.bytes.length) return false;
    const tag = this.number();
    if (tag !== field * 8 + wireType) {
      this.at = start;
      return false;
    }
    demand(field >= this.before, code, "the fields of a log entry do not ascend");
    this.before = field;
    return true;
  }

  private number(): number {
    let value = 0;
    for (let i = 0; i < maxVarintBytes; i++) {
      const byte = this.bytes[this.at++];
      demand(byte !== undefined, code, "a log entry is cut off");
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte >= 0x80) continue;
      demand((byte !== 0 || i === 0) && Number.isSafeInteger(value), code, "a number of a log entry has a wrong form");
      return value;
    }
    demand(false, code, "a number of a log entry is negative or too large");
  }

  /** An int64; left out, it is 0. */
  integer(field: number): number {
    if (!this.takes(field, varint)) return 0;
    const value = this.number();
    demand(value !== 0, code, "a log entry holds a default value");
    return value;
  }

  bytesOf(field: number, maxBytes: number): Uint8Array | undefined {
    if (!this.takes(field, lengthDelimited)) return undefined;
    const length = this.number();
    demand(length <= maxBytes && length <= this.bytes.length - this.at, code, "a log entry is cut off or too large");
    this.at += length;
    return this.bytes.slice(this.at - length, this.at);
  }

  /** As `bytesOf`, of a field that has a default, which is not written. */
  filled(field: number, maxBytes: number): Uint8Array | undefined {
    const value = this.bytesOf(field, maxBytes);
    demand(value === undefined || value.length > 0, code, "a log entry holds a default value");
    return value;
  }

  message<T>(field: number, read: (reader: MessageReader) => T): T | undefined {
    const value = this.bytesOf(field, this.bytes.length);
    return value === undefined ? undefined : readMessage(value, read);
  }

  finish(): void {
    demand(this.at === this.bytes.length, code, "a log entry has a field that is unknown or out of its place");
  }
}

function readMessage<T>(bytes: Uint8Array, read: (reader: MessageReader) => T): T {
  const reader = new MessageReader(bytes);
  const value = read(reader);
  reader.finish();
  return value;
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : fromUtf8(bytes);
}

function hashOf(bytes: Uint8Array | undefined, what: string): Uint8Array {
  demand(bytes?.length === 32, code, `a log entry's ${what} is not a SHA-256 hash`);
  return bytes;
}

/** The entry of its binary form, nothing of it verified. Problems `sigstore/log-entry-invalid`, `core/utf8-invalid`. */
export function parseLogEntryProtobuf(bytes: Uint8Array): StoredLogEntry {
  return readMessage(bytes, (entry) => {
    const logIndex = entry.integer(1);
    const logId = entry.message(2, (id) => id.filled(1, 32));
    const kind = entry.message(3, (names) => ({
      kind: textOf(names.filled(1, maxKindChars)),
      version: textOf(names.filled(2, maxKindChars)),
    }));
    demand(kind !== undefined, code, "a log entry does not say of which kind it is");
    const integratedTime = entry.integer(4);
    // A log without promises leaves the message out, or leaves it empty.
    const promise = entry.message(5, (inner) => inner.filled(1, maxSignatureBytes));
    const proof = entry.message(6, readProof);
    return {
      logIndex,
      logId: hashOf(logId, "log id"),
      ...kind,
      integratedTime,
      ...(promise === undefined ? {} : { signedEntryTimestamp: promise }),
      ...(proof === undefined ? {} : { inclusionProof: proof }),
      canonicalizedBody: entry.filled(7, maxBodyBytes),
    };
  });
}

function readProof(proof: MessageReader): InclusionProof {
  const logIndex = proof.integer(1);
  const rootHash = hashOf(proof.filled(2, 32), "root");
  const treeSize = proof.integer(3);
  const hashes: Uint8Array[] = [];
  for (let hash = proof.bytesOf(4, 32); hash !== undefined; hash = proof.bytesOf(4, 32)) {
    demand(hashes.length < maxProofHashes, code, "a log entry's proof is too long");
    hashes.push(hashOf(hash, "proof"));
  }
  const checkpoint = proof.message(5, (inner) => inner.filled(1, 4 * maxCheckpointChars));
  return {
    logIndex,
    rootHash,
    treeSize,
    hashes,
    ...(checkpoint === undefined ? {} : { checkpoint: fromUtf8(checkpoint) }),
  };
}

function encodeNumber(value: number): Uint8Array {
  const out: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...out, rest]);
    out.push((rest % 128) | 0x80);
  }
}

const none = new Uint8Array();

function integer(field: number, value: number): Uint8Array {
  return value === 0 ? none : concat(encodeNumber(field * 8 + varint), encodeNumber(value));
}

/** Written even when it is empty, as a message and a repeated field's member are. */
function delimited(field: number, value: Uint8Array): Uint8Array {
  return concat(encodeNumber(field * 8 + lengthDelimited), encodeNumber(value.length), value);
}

function filled(field: number, value: Uint8Array | undefined): Uint8Array {
  return value === undefined || value.length === 0 ? none : delimited(field, value);
}

/** What `parseLogEntryProtobuf` reads back. */
export function encodeLogEntryProtobuf(entry: StoredLogEntry): Uint8Array {
  const { inclusionProof: proof, signedEntryTimestamp: promise } = entry;
  return concat(
    integer(1, entry.logIndex),
    delimited(2, filled(1, entry.logId)),
    delimited(3, concat(filled(1, utf8(entry.kind)), filled(2, utf8(entry.version)))),
    integer(4, entry.integratedTime),
    promise === undefined ? none : delimited(5, filled(1, promise)),
    proof === undefined ? none : delimited(6, encodeProof(proof)),
    filled(7, entry.canonicalizedBody),
  );
}

function encodeProof(proof: InclusionProof): Uint8Array {
  return concat(
    integer(1, proof.logIndex),
    filled(2, proof.rootHash),
    integer(3, proof.treeSize),
    ...proof.hashes.map((hash) => delimited(4, hash)),
    proof.checkpoint === undefined ? none : delimited(5, filled(1, utf8(proof.checkpoint))),
  );
}
