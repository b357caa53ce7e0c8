import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isProblem } from "../core/index.ts";
import { encodePem, parsePem } from "./index.ts";

const invalid = (error: unknown): boolean => isProblem(error, "crypto/pem-invalid");

test("what is encoded is parsed back, block by block, with LF or CRLF", () => {
  const blocks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(blocks, (ders) => {
      const text = ders.map((der) => encodePem("CERTIFICATE", der)).join("\n");
      assert.deepEqual(parsePem(text, "CERTIFICATE"), ders);
      assert.deepEqual(parsePem(text.replaceAll("\n", "\r\n"), "CERTIFICATE"), ders);
    }),
  );
});

test("lines have 64 characters and the text ends with a newline", () => {
  const lines = encodePem("X", new Uint8Array(100)).split("\n");
  assert.deepEqual(
    lines.map((line) => line.length),
    [17, 64, 64, 8, 15, 0],
  );
});

const body = "AAAA";
const refused: Readonly<Record<string, string>> = {
  "no block at all": "",
  "another label": `-----BEGIN Y-----\n${body}\n-----END Y-----\n`,
  "a second block of another label": `-----BEGIN X-----\n${body}\n-----END X-----\n-----BEGIN Y-----\n${body}\n-----END Y-----\n`,
  "an end of another label": `-----BEGIN X-----\n${body}\n-----END Y-----\n`,
  "text before the block": `hello\n-----BEGIN X-----\n${body}\n-----END X-----\n`,
  "text after the block": `-----BEGIN X-----\n${body}\n-----END X-----\nhello\n`,
  "no end": `-----BEGIN X-----\n${body}\n`,
  "a block within a block": `-----BEGIN X-----\n-----BEGIN X-----\n${body}\n-----END X-----\n`,
  "an empty body": "-----BEGIN X-----\n-----END X-----\n",
  "an empty line in the body": `-----BEGIN X-----\n${body}\n\n${body}\n-----END X-----\n`,
  "a header in the body": `-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n${body}\n-----END X-----\n`,
  "base64 without padding": "-----BEGIN X-----\nAAA\n-----END X-----\n",
  "base64 with bits left over": "-----BEGIN X-----\nAAB=\n-----END X-----\n",
  "padding in the middle": "-----BEGIN X-----\nAA==\nAAAA\n-----END X-----\n",
  "a space at a line's end": `-----BEGIN X----- \n${body}\n-----END X-----\n`,
  "a lone carriage return": `-----BEGIN X-----\r${body}\r-----END X-----\r`,
  "more than 64 blocks": `-----BEGIN X-----\n${body}\n-----END X-----\n`.repeat(65),
  "more than 1 MiB": `-----BEGIN X-----\n${"A".repeat(1_048_576)}\n-----END X-----\n`,
};

for (const [name, text] of Object.entries(refused)) {
  test(`PEM with ${name} is refused`, () => {
    assert.throws(() => parsePem(text, "X"), invalid);
  });
}
