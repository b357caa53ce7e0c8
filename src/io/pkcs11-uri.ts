// PKCS #11 URIs, RFC 7512: which key on which token. Stricter than its §2.3: attributes that we cannot match by are
// refused and not passed over, an object or an id must be named, and a PIN in the URI (pin-value) is refused, since
// references stand in settings, histories and logs.

import { demand, fromHex, hex, Problem } from "../core/index.ts";

export interface Pkcs11Uri {
  /** What the token must say of itself. */
  readonly token: {
    readonly label?: string;
    readonly serial?: string;
    readonly manufacturer?: string;
    readonly model?: string;
  };
  readonly object: string | undefined;
  /** CKA_ID in hexadecimal. */
  readonly id: string | undefined;
  /** A file with the PIN. */
  readonly pinSource: string | undefined;
  readonly modulePath: string | undefined;
}

const code = "keys/reference-invalid";
const pathNames = ["token", "serial", "manufacturer", "model", "object", "id", "type"] as const;
const queryNames = ["pin-source", "module-path"] as const;

/** Problem `keys/reference-invalid`. */
export function parsePkcs11Uri(text: string): Pkcs11Uri {
  const [path = "", query, ...more] = text.replace(/^pkcs11:/, "").split("?");
  demand(text.startsWith("pkcs11:") && more.length === 0, code, "a PKCS #11 URI begins with pkcs11: and has one ?");
  const attributes = readAttributes(path, ";", pathNames);
  const options = readAttributes(query ?? "", "&", queryNames);
  const object = attributes.get("object");
  const id = attributes.get("id");
  demand(object !== undefined || id !== undefined, code, "a PKCS #11 URI must name the key: object=, id= or both");
  const type = attributes.get("type");
  demand(
    type === undefined || decoded(type) === "private",
    code,
    "a PKCS #11 URI of type other than private is no key to sign with",
  );
  const label = attributes.get("token");
  const [serial, manufacturer, model] = [
    attributes.get("serial"),
    attributes.get("manufacturer"),
    attributes.get("model"),
  ];
  return {
    token: {
      ...(label === undefined ? {} : { label: decoded(label) }),
      ...(serial === undefined ? {} : { serial: decoded(serial) }),
      ...(manufacturer === undefined ? {} : { manufacturer: decoded(manufacturer) }),
      ...(model === undefined ? {} : { model: decoded(model) }),
    },
    object: object === undefined ? undefined : decoded(object),
    id: id === undefined ? undefined : hex(percentDecoded(id)),
    pinSource: fileOf(options.get("pin-source")),
    modulePath: options.has("module-path") ? decoded(options.get("module-path")!) : undefined,
  };
}

function readAttributes(text: string, separator: string, known: readonly string[]): Map<string, string> {
  const out = new Map<string, string>();
  for (const part of text === "" ? [] : text.split(separator)) {
    const at = part.indexOf("=");
    const name = part.slice(0, Math.max(at, 0));
    // The part is not shown: with pin-value it would be a secret.
    demand(
      name !== "pin-value",
      code,
      "a PIN does not belong into a PKCS #11 URI: use pin-source or SEALWRIGHT_PKCS11_PIN",
    );
    demand(known.includes(name), code, `a PKCS #11 URI's attributes are ${known.join(", ")} here`);
    demand(!out.has(name) && part.length > at + 1, code, `attribute ${name} of a PKCS #11 URI is empty or there twice`);
    out.set(name, part.slice(at + 1));
  }
  return out;
}

function percentDecoded(text: string): Uint8Array {
  const bytes = /^(?:%[0-9A-Fa-f]{2}|[A-Za-z0-9\-._~:[\]@!$'()*+,=&/])*$/.test(text)
    ? text.replace(
        /%(..)|(.)/g,
        (_all, digits?: string, plain?: string) => digits ?? hex(new TextEncoder().encode(plain)),
      )
    : undefined;
  if (bytes === undefined)
    throw new Problem(code, "an attribute of a PKCS #11 URI has a character that must be percent-encoded");
  return fromHex(bytes);
}

function decoded(text: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(percentDecoded(text));
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem(code, "an attribute of a PKCS #11 URI is not UTF-8", { cause });
  }
}

/** RFC 7512 §2.4: a path or a file: URI; "|command" is refused. */
function fileOf(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const path = decoded(value).replace(/^file:(\/\/(?=\/))?/, "");
  demand(path.startsWith("/"), code, "pin-source is the absolute path of a file");
  return path;
}
