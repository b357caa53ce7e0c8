// Time-Stamp Protocol, RFC 3161 with RFC 5816: requests, responses and tokens as bytes and as models; nothing is
// verified here. Stricter: DER, SHA-256, SHA-384 and SHA-512 alone, no extension in a request, none that is critical
// in a token.

import { demand, Problem } from "../core/index.ts";
import { encodeHashAlgorithm, readHashAlgorithm } from "./algorithm.ts";
import { cmsInput, readSignedData, type SignedData } from "./cms.ts";
import { type DerInput, type DerReader, derTag, readDer } from "./der.ts";
import * as der from "./der-write.ts";
import { digestBytes, type HashAlgorithm } from "./digest.ts";
import { oids } from "./oid.ts";

export const timestampLimits = {
  maxRequestBytes: 4096,
  maxResponseBytes: 65_536,
  maxNonceBytes: 64,
  maxSerialBytes: 33,
  maxStatusTexts: 8,
} as const;

/** Digest of the data that is stamped. */
export interface MessageImprint {
  readonly hashAlgorithm: HashAlgorithm;
  readonly digest: Uint8Array;
}

export interface TimestampRequest {
  readonly imprint: MessageImprint;
  /** DER of the imprint: the token must repeat it (§2.4.2). */
  readonly imprintBytes: Uint8Array;
  readonly policy: string | undefined;
  /** Content octets of the INTEGER. */
  readonly nonce: Uint8Array | undefined;
  readonly certReq: boolean;
}

/** What the authority signed: §2.4.2. */
export interface TstInfo {
  readonly policy: string;
  readonly imprint: MessageImprint;
  /** Content octets of the INTEGER. */
  readonly serialNumber: Uint8Array;
  readonly genTimeMs: number;
  readonly accuracyMs: number | undefined;
  readonly ordering: boolean;
  /** Content octets of the INTEGER. */
  readonly nonce: Uint8Array | undefined;
  /** DER of the GeneralName that hints at the authority. */
  readonly tsa: Uint8Array | undefined;
}

export interface TimestampToken {
  readonly signedData: SignedData;
  readonly info: TstInfo;
}

/** PKIFailureInfo, the names and bits of §2.4.2. */
export const pkiFailures = {
  badAlg: 0,
  badRequest: 2,
  badDataFormat: 5,
  timeNotAvailable: 14,
  unacceptedPolicy: 15,
  unacceptedExtension: 16,
  addInfoNotAvailable: 17,
  systemFailure: 25,
} as const;
export type PkiFailure = keyof typeof pkiFailures;

export type TimestampResponse =
  | { readonly granted: true; readonly token: Uint8Array }
  | {
      readonly granted: false;
      /** PKIStatus, 2 to 5. */
      readonly status: number;
      readonly text: readonly string[];
      readonly failures: readonly PkiFailure[];
    };

const requestInput: DerInput = {
  what: "time-stamp request",
  code: "crypto/timestamp-request-invalid",
  maxBytes: timestampLimits.maxRequestBytes,
};
const responseInput: DerInput = { ...cmsInput, what: "time-stamp response" };

/**
 * Reads a TimeStampReq. Problem `crypto/timestamp-request-invalid`, `crypto/algorithm-unsupported` for another digest,
 * `crypto/timestamp-extension`. RFC 3161 §2.4.1.
 */
export function parseTimestampRequest(bytes: Uint8Array): TimestampRequest {
  return readDer(new Uint8Array(bytes), requestInput, (reader) =>
    reader.sequence((fields) => {
      fields.version(1);
      const imprintBytes = fields.element(derTag.sequence).raw;
      const imprint = readDer(imprintBytes, requestInput, (inner) => readImprint(inner, requestInput));
      const policy = fields.optional(derTag.oid, (field) => field.oid());
      const nonce = fields.optional(derTag.integer, (field) => readNonce(field, requestInput));
      const certReq = fields.flag();
      demand(fields.peek() !== 0xa0, "crypto/timestamp-extension", "extensions in a request are not supported");
      return { imprint, imprintBytes, policy, nonce, certReq };
    }),
  );
}

function readImprint(reader: DerReader, input: DerInput): MessageImprint {
  return reader.sequence((fields) => {
    const hashAlgorithm = readHashAlgorithm(fields);
    const digest = fields.octetString();
    demand(
      digest.length === digestBytes[hashAlgorithm],
      input.code,
      `a digest is not as long as one of ${hashAlgorithm}`,
    );
    return { hashAlgorithm, digest };
  });
}

function readNonce(reader: DerReader, input: DerInput): Uint8Array {
  const nonce = reader.integer();
  demand(nonce.length <= timestampLimits.maxNonceBytes, input.code, "a nonce is too long");
  return nonce;
}

/** DER of a TimeStampReq. `nonce` is big-endian and unsigned. */
export function createTimestampRequest(fields: {
  readonly imprint: MessageImprint;
  readonly nonce?: Uint8Array;
  readonly policy?: string;
  readonly certReq?: boolean;
}): Uint8Array {
  const { imprint, nonce, policy, certReq } = fields;
  return der.sequence(
    der.integer(1),
    der.sequence(encodeHashAlgorithm(imprint.hashAlgorithm), der.octetString(imprint.digest)),
    ...der.present(
      policy === undefined ? undefined : der.oid(policy),
      nonce === undefined ? undefined : der.integer(nonce),
      certReq === true ? der.boolean(true) : undefined,
    ),
  );
}

/** Reads a TimeStampResp; its token stays bytes. Problem `crypto/timestamp-invalid`. RFC 3161 §2.4.2. */
export function parseTimestampResponse(bytes: Uint8Array): TimestampResponse {
  return readDer(bytes, responseInput, (reader) =>
    reader.sequence((fields) => {
      const { status, text, failures } = fields.sequence(readStatus);
      const granted = status <= 1;
      const token = fields.optional(derTag.sequence, (field) => field.element().raw);
      demand(granted === (token !== undefined), cmsInput.code, "status and token of a time-stamp response disagree");
      return token === undefined ? { granted: false, status, text, failures } : { granted: true, token };
    }),
  );
}

function readStatus(reader: DerReader): { status: number; text: readonly string[]; failures: readonly PkiFailure[] } {
  const status = reader.smallInteger();
  demand(status <= 5, cmsInput.code, "the status of a time-stamp response is not known");
  const texts = { min: 1, max: timestampLimits.maxStatusTexts };
  const text = reader.optional(derTag.sequence, (field) =>
    field.sequence((list) => list.list(texts, (item) => item.utf8String())),
  );
  const bits = reader.optional(derTag.bitString, (field) => field.namedBits()) ?? [];
  const names = Object.keys(pkiFailures) as PkiFailure[];
  return { status, text: text ?? [], failures: names.filter((name) => bits.includes(pkiFailures[name])) };
}

/** Reads a TimeStampToken. Problem `crypto/timestamp-invalid`, `crypto/algorithm-unsupported`. RFC 3161 §2.4.2. */
export function parseTimestampToken(bytes: Uint8Array): TimestampToken {
  const signedData = readDer(new Uint8Array(bytes), cmsInput, readSignedData);
  demand(signedData.contentType === oids.tstInfo, cmsInput.code, "the content of a time-stamp token is not TSTInfo");
  return { signedData, info: readDer(signedData.content, cmsInput, readTstInfo) };
}

/**
 * The token of DER that is either a TimeStampToken or a TimeStampResp that grants one.
 * Problem as `parseTimestampToken`, `crypto/timestamp-rejected` for a response without a token.
 */
export function parseTimestamp(bytes: Uint8Array): TimestampToken {
  return parseTimestampToken(timestampTokenBytes(bytes));
}

/** As `parseTimestamp`, the token's own bytes, which are not looked into. */
export function timestampTokenBytes(bytes: Uint8Array): Uint8Array {
  // A response starts with the SEQUENCE of its status, a token with the OID of its content.
  const isResponse = readDer(bytes, responseInput, (reader) =>
    reader.sequence((fields) => {
      const first = fields.peek();
      while (!fields.done) fields.element();
      return first === derTag.sequence;
    }),
  );
  if (!isResponse) return bytes;
  const response = parseTimestampResponse(bytes);
  if (response.granted) return response.token;
  const reasons = [...response.failures, ...response.text].join(", ");
  throw new Problem(
    "crypto/timestamp-rejected",
    `the time-stamp was refused with status ${response.status}: ${reasons}`,
  );
}

function readTstInfo(reader: DerReader): TstInfo {
  return reader.sequence((fields) => {
    fields.version(1);
    const policy = fields.oid();
    const imprint = readImprint(fields, cmsInput);
    const serialNumber = fields.integer();
    demand(serialNumber.length <= timestampLimits.maxSerialBytes, cmsInput.code, "a serial number is too long");
    const genTimeMs = fields.generalizedTime();
    const accuracyMs = fields.optional(derTag.sequence, (field) => field.sequence(readAccuracy));
    const ordering = fields.flag();
    const nonce = fields.optional(derTag.integer, (field) => readNonce(field, cmsInput));
    const tsa = fields.optional(0xa0, (field) => field.context(0, (name) => name.element().raw));
    fields.optional(0xa1, refuseCriticalExtensions);
    return { policy, imprint, serialNumber, genTimeMs, accuracyMs, ordering, nonce, tsa };
  });
}

function readAccuracy(reader: DerReader): number {
  const seconds = reader.optional(derTag.integer, (field) => field.smallInteger()) ?? 0;
  const millis = reader.optional(0x80, (field) => field.smallInteger(0x80)) ?? 0;
  const micros = reader.optional(0x81, (field) => field.smallInteger(0x81)) ?? 0;
  demand(millis < 1000 && micros < 1000, cmsInput.code, "an accuracy is out of range");
  return seconds * 1000 + millis + Math.ceil(micros / 1000);
}

function refuseCriticalExtensions(reader: DerReader): void {
  reader.context(1, (list) =>
    list.list({ min: 1, max: 16 }, (item) =>
      item.sequence((fields) => {
        fields.oid();
        demand(!fields.flag(), cmsInput.code, "a time-stamp token has a critical extension");
        fields.octetString();
      }),
    ),
  );
}
