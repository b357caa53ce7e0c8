// Textual encoding of keys and certificates, RFC 7468. Stricter than its §2 and §5.2: nothing but blank lines may
// stand outside the blocks, every block has the one label that was asked for, and base64 is canonical.
// More lenient in one place, as §3 allows a parser: lines of the body may have any length.

import { base64, demand, fromBase64, Problem } from "../core/index.ts";

const maxPemCharacters = 1_048_576;
const maxPemBlocks = 64;

/**
 * DER of every block, in order; at least one. Problem `crypto/pem-invalid` for another label, text outside the
 * blocks, a body that is not canonical base64, more than 64 blocks or more than 1 MiB.
 */
export function parsePem(text: string, label: string): Uint8Array[] {
  demand(text.length <= maxPemCharacters, "crypto/pem-invalid", "PEM text is too large");
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  const blocks: Uint8Array[] = [];
  let body: string[] | undefined;
  for (const line of text.split(/\r\n|\n/)) {
    if (body === undefined) {
      if (line === "") continue;
      demand(line === begin, "crypto/pem-invalid", `PEM text does not consist of blocks labelled ${label}`);
      demand(blocks.length < maxPemBlocks, "crypto/pem-invalid", `PEM text has more than ${maxPemBlocks} blocks`);
      body = [];
    } else if (line === end) {
      blocks.push(decodeBody(body, label));
      body = undefined;
    } else {
      body.push(line);
    }
  }
  demand(body === undefined, "crypto/pem-invalid", `PEM block ${label} is not closed`);
  demand(blocks.length > 0, "crypto/pem-invalid", `PEM text has no block labelled ${label}`);
  return blocks;
}

function decodeBody(lines: readonly string[], label: string): Uint8Array {
  demand(lines.length > 0 && !lines.includes(""), "crypto/pem-invalid", `PEM block ${label} has an empty line or body`);
  try {
    return fromBase64(lines.join(""));
  } catch (cause) {
    throw new Problem("crypto/pem-invalid", `PEM block ${label} is not canonical base64`, { cause });
  }
}

/** One block with lines of 64 characters; ends with a newline (RFC 7468 §2, §3). */
export function encodePem(label: string, der: Uint8Array): string {
  const body = base64(der);
  let out = `-----BEGIN ${label}-----\n`;
  for (let at = 0; at < body.length; at += 64) out += `${body.slice(at, at + 64)}\n`;
  return `${out}-----END ${label}-----\n`;
}
