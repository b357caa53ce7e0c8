// The only things of the host that the pure folders may see, declared by hand so that neither Node's
// types nor the DOM's are visible there: text encoding (WHATWG Encoding), URL (WHATWG URL), and the part
// of node:crypto that `crypto/` stands on. tsconfig.pure.json reads this file, tsconfig.json does not.

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes: Uint8Array): string;
}
declare class URL {
  static canParse(url: string, base?: string): boolean;
  constructor(url: string, base?: string);
  readonly href: string;
  readonly protocol: string;
  readonly host: string;
  readonly hostname: string;
  readonly pathname: string;
  readonly origin: string;
  readonly username: string;
  readonly password: string;
  readonly search: string;
  readonly hash: string;
}
declare class AbortSignal {
  readonly aborted: boolean;
}

declare module "node:crypto" {
  export interface KeyObject {
    readonly type: "public" | "private" | "secret";
    readonly asymmetricKeyType?: string;
    readonly asymmetricKeyDetails?: { namedCurve?: string; modulusLength?: number; publicExponent?: bigint };
    export(options: { type: "spki" | "pkcs8"; format: "der" }): Uint8Array;
    export(options: { type: "spki" | "pkcs8"; format: "pem" }): string;
  }
  export interface Hash {
    update(data: Uint8Array): Hash;
    digest(): Uint8Array;
  }
  export interface KeyInput {
    key: KeyObject;
    padding?: number;
    saltLength?: number;
    dsaEncoding?: "der" | "ieee-p1363";
  }
  export const constants: {
    RSA_PKCS1_PADDING: number;
    RSA_PKCS1_PSS_PADDING: number;
    RSA_NO_PADDING: number;
    RSA_PSS_SALTLEN_DIGEST: number;
  };
  export function createHash(algorithm: string): Hash;
  export function hash(algorithm: string, data: Uint8Array, encoding: "binary" | "hex"): string;
  export function createPublicKey(
    input:
      | { key: Uint8Array; format: "der"; type: "spki" }
      | { key: { kty: string; crv: string; x: string; y: string }; format: "jwk" }
      | KeyObject,
  ): KeyObject;
  export function createPrivateKey(
    input:
      | { key: Uint8Array; format: "der"; type: "pkcs8" | "sec1" }
      | { key: string; format: "pem"; passphrase?: string },
  ): KeyObject;
  export function sign(algorithm: string | null, data: Uint8Array, key: KeyInput): Uint8Array;
  export function verify(algorithm: string | null, data: Uint8Array, key: KeyInput, signature: Uint8Array): boolean;
  export function publicDecrypt(key: { key: KeyObject; padding: number }, data: Uint8Array): Uint8Array;
  export function randomBytes(size: number): Uint8Array;
  export function generateKeyPairSync(
    type: string,
    options: { namedCurve?: string; modulusLength?: number },
  ): { publicKey: KeyObject; privateKey: KeyObject };
  export interface ECDH {
    setPrivateKey(key: Uint8Array): void;
    getPublicKey(): Uint8Array;
    computeSecret(point: Uint8Array): Uint8Array;
  }
  export function createECDH(curve: string): ECDH;
  export interface Cipheriv {
    update(data: Uint8Array): Uint8Array;
    final(): Uint8Array;
  }
  export function createCipheriv(algorithm: string, key: Uint8Array, iv: Uint8Array): Cipheriv;
  export function createDecipheriv(algorithm: string, key: Uint8Array, iv: Uint8Array): Cipheriv;
  type Derived = (error: Error | null, key: Uint8Array) => void;
  export function pbkdf2(
    password: Uint8Array,
    salt: Uint8Array,
    iterations: number,
    keyBytes: number,
    hash: string,
    derived: Derived,
  ): void;
  export function scrypt(
    password: Uint8Array,
    salt: Uint8Array,
    keyBytes: number,
    options: { N: number; r: number; p: number; maxmem: number },
    derived: Derived,
  ): void;
  export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean;
}
