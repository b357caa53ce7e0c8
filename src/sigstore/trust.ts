// TrustedRoot -> Trust: every key, chain and note verifier parsed once, so that verifying a bundle parses nothing of
// the trust root again. An instance whose algorithm we cannot serve is left out and named: what it signed then
// counts for nothing. A malformed one is refused, as the root that carries it is broken.

import { isProblem, Problem } from "../core/index.ts";
import {
  type Certificate,
  parseCertificate,
  prepareAnchors,
  type PreparedAnchors,
  prepareTimestampAuthority,
  type PublicKey,
  type Scheme,
  type TimestampAuthority,
} from "../crypto/index.ts";
import { noteKeyId, type NoteVerifier } from "../tlog/index.ts";
import { readKey } from "./key-details.ts";
import type { AuthorityInstance, LogInstance, TimeRange, TrustedRoot } from "./model.ts";

export interface TrustedLog {
  readonly baseUrl: string;
  readonly logId: Uint8Array;
  readonly key: PublicKey;
  readonly scheme: Scheme;
  readonly validFor: TimeRange;
  /** Whom its proofs count for: the operator, or the log itself where the root names none. */
  readonly operator: string;
  /** For checkpoints: one for each name the log may sign under. */
  readonly verifiers: readonly NoteVerifier[];
}

export interface TrustedAuthority {
  readonly uri: string;
  /** As in the trust root, the last being the anchor. */
  readonly chain: readonly Certificate[];
  /** The same, with the memory of the signatures already verified. */
  readonly anchors: PreparedAnchors;
  readonly validFor: TimeRange;
  readonly operator: string;
}

export interface TrustedTimestampAuthority {
  readonly uri: string;
  /** Chain and window; both are checked at the time in the token. */
  readonly authority: TimestampAuthority;
  readonly operator: string;
}

export interface Trust {
  readonly logs: readonly TrustedLog[];
  readonly certificateAuthorities: readonly TrustedAuthority[];
  readonly ctLogs: readonly TrustedLog[];
  readonly timestampAuthorities: readonly TrustedTimestampAuthority[];
  /** Instances left out, as their algorithms are not supported. */
  readonly unusable: readonly string[];
}

/** Parses a trust root's keys and certificates. Problem `sigstore/trusted-root-invalid`. */
export function prepareTrust(root: TrustedRoot): Trust {
  const unusable: string[] = [];
  const each = <I extends { readonly validFor: TimeRange }, T>(
    instances: readonly I[],
    name: (instance: I) => string,
    prepare: (instance: I) => T | undefined,
  ): readonly T[] =>
    instances.flatMap((instance) => {
      const prepared = prepareOne(name(instance), () => prepare(instance));
      if (prepared === undefined) unusable.push(name(instance));
      return prepared === undefined ? [] : [prepared];
    });
  return {
    logs: each(root.logs, (log) => log.baseUrl, prepareLog),
    certificateAuthorities: each(root.certificateAuthorities, (ca) => ca.uri, prepareAuthority),
    ctLogs: each(root.ctLogs, (log) => log.baseUrl, prepareLog),
    timestampAuthorities: each(root.timestampAuthorities, (tsa) => tsa.uri, prepareTsa),
    unusable,
  };
}

function prepareOne<T>(name: string, prepare: () => T | undefined): T | undefined {
  try {
    return prepare();
  } catch (cause) {
    if (isProblem(cause, "crypto/key-unsupported") || isProblem(cause, "crypto/algorithm-unsupported"))
      return undefined;
    throw new Problem("sigstore/trusted-root-invalid", `trust root's entry ${JSON.stringify(name)} is not valid`, {
      cause,
    });
  }
}

function prepareLog(log: LogInstance): TrustedLog | undefined {
  const read = readKey(log.keyDetails, log.publicKey);
  if (read === undefined) return undefined;
  const { key, scheme } = read;
  const verifiers = noteNames(log.baseUrl).map((name) => ({ name, keyId: noteKeyId(name, key), key, scheme }));
  const { baseUrl, logId, validFor } = log;
  const operator = log.operator === "" ? baseUrl : log.operator;
  return { baseUrl, logId, key, scheme, validFor, operator, verifiers };
}

/**
 * The names that a log of this base URL signs checkpoints under: its host, with and without a port.
 * TransparencyLogInstance.baseUrl: the origin SHOULD match it, and it MAY have no scheme.
 */
export function noteNames(baseUrl: string): readonly string[] {
  let url: URL;
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(baseUrl) ? baseUrl : `https://${baseUrl}`);
  } catch (cause) {
    throw new Problem("sigstore/trusted-root-invalid", "a log's base URL is not a URL", { cause });
  }
  return [...new Set([url.hostname, url.host])];
}

function prepareAuthority(authority: AuthorityInstance): TrustedAuthority {
  const chain = authority.certificates.map(parseCertificate);
  const operator = authority.operator === "" ? authority.uri : authority.operator;
  const anchors = prepareAnchors(chain.slice(-1), chain.slice(0, -1));
  return { uri: authority.uri, chain, anchors, validFor: authority.validFor, operator };
}

function prepareTsa(instance: AuthorityInstance): TrustedTimestampAuthority {
  const { uri, validFor } = instance;
  const certificates = instance.certificates.map(parseCertificate);
  const operator = instance.operator === "" ? uri : instance.operator;
  return { uri, authority: prepareTimestampAuthority({ certificates, validFor }), operator };
}
