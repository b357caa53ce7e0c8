// Exception documents, https://sealwright.dev/exceptions/v1. An exception without an end, without a scope below
// "everything", or longer than 90 days is refused.

import { Fields, parseUtcSeconds, Problem } from "../core/index.ts";
import { limits, type Exception, type ExceptionSet } from "./model.ts";
import { documentId, policyDigest, refuseRepeats, strictJson } from "./parse.ts";

const code = "policy/exceptions-invalid";
const exceptionsType = "https://sealwright.dev/exceptions/v1";

/**
 * The exceptions that the bytes hold; none is allowed, since the last one may have been taken back.
 * Problems: `policy/exceptions-invalid`, `policy/exception-duplicate`, `policy/exception-unscoped`,
 * `policy/exception-too-long`.
 */
export function parseExceptions(bytes: Uint8Array): ExceptionSet {
  const document = Fields.of(strictJson(bytes, limits.exceptionsBytes, code), "exceptions", code);
  document.only("_type", "exceptions");
  document.oneOf("_type", exceptionsType);
  const exceptions = document.objects("exceptions", { max: limits.exceptions }, exception);
  refuseRepeats(
    exceptions.map(({ id }) => id),
    "policy/exception-duplicate",
    "exception",
  );
  return { digest: policyDigest(bytes), exceptions };
}

function exception(fields: Fields): Exception {
  fields.only("id", "rule", "finding", "package", "subject", "reason", "approvedBy", "created", "expires");
  const id = documentId(fields, "id");
  const created = time(fields, "created");
  const expires = time(fields, "expires");
  if (expires <= created) throw fields.problem("expires", "is not after created");
  if (expires - created > limits.exceptionMs) {
    throw new Problem("policy/exception-too-long", `exception ${id} lasts longer than 90 days`);
  }
  return { id, rule: documentId(fields, "rule"), ...scope(fields, id), ...words(fields), created, expires };
}

function time(fields: Fields, name: string): number {
  try {
    return parseUtcSeconds(fields.string(name, { max: 20 }));
  } catch (cause) {
    throw new Problem(code, fields.problem(name, "is not a time YYYY-MM-DDTHH:MM:SSZ").message, { cause });
  }
}

function words(fields: Fields): Pick<Exception, "reason" | "approvedBy"> {
  return {
    reason: fields.string("reason", { min: 1, max: limits.textLength }),
    approvedBy: fields.string("approvedBy", { min: 1, max: limits.textLength }),
  };
}

function scope(fields: Fields, id: string): Pick<Exception, "finding" | "package" | "subject"> {
  const finding = fields.optional("finding", (name) => fields.string(name, { min: 1, max: 200 }));
  const purl = fields.optional("package", (name) => fields.string(name, { max: limits.textLength }));
  const subject = fields.optional("subject", (name) => fields.string(name, { max: 200 }));
  if (finding === undefined && purl === undefined && subject === undefined) {
    throw new Problem("policy/exception-unscoped", `exception ${id} names no finding, package or subject`);
  }
  if (purl !== undefined && !/^pkg:[a-z][a-z0-9.+-]*\/[^@?#\s]+$/.test(purl)) {
    throw fields.problem("package", "is not a package URL without version");
  }
  if (subject !== undefined && !/^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/.test(subject)) {
    throw fields.problem("subject", "is not a digest such as sha256:<hex>");
  }
  return {
    ...(finding === undefined ? {} : { finding }),
    ...(purl === undefined ? {} : { package: purl }),
    ...(subject === undefined ? {} : { subject }),
  };
}
