import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, fromHex, hex } from "../core/index.ts";
import { ecdsaOrders, parseEcdsaSignature } from "./ecdsa-signature.ts";

const n = hex(ecdsaOrders["ecdsa-p256"]);
const below = n.replace(/51$/, "50");
const one = "020101";

function parsed(body: string): string | undefined {
  const bytes = fromHex(body);
  const out = parseEcdsaSignature("ecdsa-p256", concat(Uint8Array.of(0x30, bytes.length), bytes));
  return out && hex(out);
}

test("the ends of [1, n-1] are accepted", () => {
  const single = `${"00".repeat(31)}01`;
  assert.equal(parsed(one + one), single + single);
  assert.equal(parsed(`022100${below}${one}`), below + single);
});

const refused: Readonly<Record<string, string>> = {
  "r = 0": `020100${one}`,
  "s = 0": `${one}020100`,
  "r = n": `022100${n}${one}`,
  "s = n": `${one}022100${n}`,
  "a negative r": `0201ff${one}`,
  "an r with a needless zero": `02020001${one}`,
  "an empty r": `0200${one}`,
  "no s": one,
  "a third integer": one + one + one,
  "an r of another type": `030101${one}`,
  "a length in long form": `02810101${one}`,
  "an r longer than n": `022101${n}${one}`,
  "an s cut short": `${one}020201`,
};

for (const [name, body] of Object.entries(refused)) {
  test(`a signature with ${name} is refused`, () => {
    assert.equal(parsed(body), undefined);
  });
}

test("a sequence with trailing bytes, a long or an indefinite length is refused", () => {
  const body = one + one;
  for (const der of [`3006${body}00`, `308106${body}`, `3080${body}0000`, `30820006${body}`, `3106${body}`, "30", ""]) {
    assert.equal(parseEcdsaSignature("ecdsa-p256", fromHex(der)), undefined, der);
  }
});
