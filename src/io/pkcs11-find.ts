// Which token, which key: reading what pkcs11-tool lists. A description that fits two tokens or two keys is refused,
// never the first taken.

import { fromHex, Problem } from "../core/index.ts";
import { der, ed25519PublicKey, oids, parsePublicKey, type PublicKey } from "../crypto/index.ts";
import type { Pkcs11Outcome } from "./pkcs11-tool.ts";
import type { Pkcs11Uri } from "./pkcs11-uri.ts";

/** One call of the tool; `login` without a PIN is for readers that ask for it themselves. */
export interface TokenCall {
  readonly args: readonly string[];
  readonly login?: boolean;
  readonly pin?: string | undefined;
  readonly input?: Uint8Array;
  readonly output?: boolean;
}

type Run = (call: TokenCall) => Promise<Pkcs11Outcome>;

export interface Token {
  /** What messages call it. */
  readonly name: string;
  readonly needsLogin: boolean;
  /** Its reader has a pad for the PIN. */
  readonly asksItself: boolean;
  readonly run: Run;
}

export interface FoundKey {
  readonly publicKey: PublicKey;
  /** CKA_ID in hexadecimal. */
  readonly id: string;
}

/** Who is logged in; nobody when empty. */
export type Session = Pick<TokenCall, "login" | "pin">;

const maxShown = 5;

/** Problems `keys/token-missing`, `keys/token-ambiguous`. */
export async function findToken(wanted: Pkcs11Uri["token"], run: Run): Promise<Token> {
  const { stdout } = await run({ args: ["--list-token-slots"] });
  const found = stdout
    .split(/^(?=Slot \d+ )/m)
    .map(readSlot)
    .filter((slot) => slot !== undefined && isWanted(slot, wanted)) as Slot[];
  const [slot, ...more] = found;
  if (slot === undefined) {
    throw new Problem("keys/token-missing", "no token is there that the reference describes", {
      hint: "is it plugged in? pkcs11-tool --list-token-slots shows what is there",
    });
  }
  if (more.length > 0) {
    const names = found
      .slice(0, maxShown)
      .map(({ fields }) => `${nameOf(fields)} (serial=${fields.get("serial num")})`);
    throw new Problem("keys/token-ambiguous", `the reference describes ${found.length} tokens: ${names.join(", ")}`);
  }
  const flags = (slot.fields.get("token flags") ?? "").split(/,\s*/);
  return {
    name: nameOf(slot.fields),
    needsLogin: flags.includes("login required"),
    asksItself: flags.includes("PIN pad present"),
    run: (call) => run({ ...call, args: ["--slot", slot.number, ...call.args] }),
  };
}

interface Slot {
  /** As `--slot` takes it. */
  readonly number: string;
  readonly fields: ReadonlyMap<string, string>;
}

function nameOf(fields: ReadonlyMap<string, string>): string {
  return JSON.stringify(fields.get("token label") ?? "");
}

function readSlot(text: string): Slot | undefined {
  const number = /^Slot \d+ \((0x[0-9a-f]+)\):/.exec(text)?.[1];
  const fields = readFields(text);
  return number === undefined || !fields.has("token label") ? undefined : { number, fields };
}

/** The indented `name : value` lines, the first of each name. */
function readFields(text: string): Map<string, string> {
  const out = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, name, value] = /^ +([A-Za-z][A-Za-z_ /]*?) *: ?(.*)$/.exec(line) ?? [];
    if (name !== undefined && !out.has(name)) out.set(name, value!.trim());
  }
  return out;
}

function isWanted({ fields }: Slot, { label, serial, manufacturer, model }: Pkcs11Uri["token"]): boolean {
  const same = (name: string, value: string | undefined) => value === undefined || fields.get(name) === value.trim();
  return (
    same("token label", label) &&
    same("serial num", serial) &&
    same("token manufacturer", manufacturer) &&
    same("token model", model)
  );
}

/** The one public key of that name and id; undefined when none is shown. Problem `keys/token-ambiguous`. */
export async function findKey(
  token: Token,
  wanted: Pick<Pkcs11Uri, "object" | "id">,
  session: Session = {},
): Promise<FoundKey | undefined> {
  const { stdout } = await token.run({ args: ["--list-objects", "--type", "pubkey"], ...session });
  const found = stdout
    .split(/^(?=\S)/m)
    .filter((text) => text.startsWith("Public Key Object"))
    .map(readFields)
    .filter((fields) => wanted.object === undefined || fields.get("label") === wanted.object)
    .filter((fields) => wanted.id === undefined || fields.get("ID")?.toLowerCase() === wanted.id);
  const [fields, ...more] = found;
  if (fields === undefined) return undefined;
  if (more.length > 0) {
    const names = found
      .slice(0, maxShown)
      .map((each) => `${JSON.stringify(each.get("label") ?? "")} (id ${each.get("ID")})`);
    throw new Problem("keys/token-ambiguous", `the reference describes ${found.length} keys: ${names.join(", ")}`);
  }
  const id = fields.get("ID")?.toLowerCase() ?? "";
  if (!/^([0-9a-f]{2}){1,64}$/.test(id)) {
    throw new Problem("keys/token-object", "the key has no id on the token, by which to sign with it");
  }
  return { publicKey: await readKey(token, id, fields, session), id };
}

// What the list has of an EC key is taken from there: OpenSC 0.23 reads neither P-384 nor Ed25519 keys as a
// SubjectPublicKeyInfo.
async function readKey(
  token: Token,
  id: string,
  fields: ReadonlyMap<string, string>,
  session: Session,
): Promise<PublicKey> {
  const point = fromHexOrNothing(fields.get("EC_POINT"));
  const parameters = fromHexOrNothing(fields.get("EC_PARAMS")?.split(" ")[0]);
  if (point !== undefined) return ellipticKey(point, parameters);
  const args = ["--read-object", "--type", "pubkey", "--id", id];
  return parsePublicKey((await token.run({ args, ...session, output: true })).output);
}

function fromHexOrNothing(text: string | undefined): Uint8Array | undefined {
  return text !== undefined && /^([0-9a-fA-F]{2})+$/.test(text) ? fromHex(text) : undefined;
}

/** Of Ed25519, P-256, P-384. */
const wrappedSizes: ReadonlySet<number> = new Set([34, 67, 99]);

// CKA_EC_POINT is an OCTET STRING around the point (PKCS #11 2.40 §2.3.3); some tokens leave that out.
function ellipticKey(point: Uint8Array, parameters: Uint8Array | undefined): PublicKey {
  const bare = wrappedSizes.has(point.length) ? point.subarray(2) : point;
  if (bare.length === 32) return ed25519PublicKey(bare);
  if (parameters === undefined)
    throw new Problem("keys/token-object", "the token does not say what curve the key is on");
  const algorithm = der.sequence(der.oid(oids.ecPublicKey), parameters);
  return parsePublicKey(der.sequence(algorithm, der.bitString(bare)));
}
