// Commits and tags: signed as whoever the services say one is, and verified over git's own bytes. What is signed here
// is read back and verified before it is given to git.

import { demand, utf8 } from "../core/index.ts";
import { type Certificate, type GitObjectFormat, gitObjectName, verifyDetachedSignature } from "../crypto/index.ts";
import {
  type ExpectedIdentity,
  type GitSigner,
  isIdentity,
  parseGitSignature,
  parseSignedGitObject,
  signGitObject,
  type SignerIdentity,
  type Trust,
  type VerifiedBundle,
  verifyGitSignature,
} from "../sigstore/index.ts";

/** An object as git gave it for a name. */
export interface GitObject {
  /** The object's name, in hexadecimal. */
  readonly name: string;
  readonly type: "commit" | "tag";
  readonly format: GitObjectFormat;
  readonly bytes: Uint8Array;
}

export interface GitVerified {
  readonly verified: VerifiedBundle;
  readonly identity: SignerIdentity;
  readonly certificate: Certificate;
}

export interface GitSigned extends GitVerified {
  readonly armour: string;
}

/** Signs an object without its signature. `nowMs` is noted in it. Problems of the signer, `sigstore/*`, `crypto/cms-*`. */
export async function signForGit(
  payload: Uint8Array,
  { signer, trust, nowMs }: { readonly signer: GitSigner; readonly trust: Trust; readonly nowMs: number },
): Promise<GitSigned> {
  const armour = await signGitObject(payload, signer, nowMs);
  return { armour, ...establishGitSigner(payload, utf8(armour), trust) };
}

/** Who made a signature that holds; whether they may is for the caller to ask. Problems `crypto/*`, `sigstore/*`. */
export function establishGitSigner(payload: Uint8Array, armour: Uint8Array, trust: Trust): GitVerified {
  const signature = parseGitSignature(armour);
  return described(verifyGitSignature(payload, signature, { trust, identity: "whoever" }));
}

function described(verified: VerifiedBundle): GitVerified {
  const { signer } = verified;
  demand(signer.kind === "identity", "sigstore/signer-mismatch", "the signature is not by an identity");
  return { verified, identity: signer.identity, certificate: signer.certificate };
}

/** The certificate that a signature names as its own and is made with; undefined where it is not. For telling only. */
export function claimedCertificate(payload: Uint8Array, armour: Uint8Array): Certificate | undefined {
  try {
    return verifyDetachedSignature(parseGitSignature(armour).signedData, payload);
  } catch {
    return undefined;
  }
}

/** Whether the signer is one of those expected. None expected is not the same as anybody. */
export function gitStanding(
  identity: SignerIdentity,
  expected: readonly ExpectedIdentity[],
): "expected" | "unexpected" | "nobody-expected" {
  if (expected.length === 0) return "nobody-expected";
  return expected.some((each) => isIdentity(identity, each)) ? "expected" : "unexpected";
}

/**
 * Verifies an object by its name and signature. Where a tag was asked for by `tagName`, it must call itself so: another
 * tag under its name would be signed just as well. Problems `git/*`, `crypto/cms-*`, `sigstore/*`.
 */
export function verifyGitObject(
  object: GitObject,
  options: {
    readonly trust: Trust;
    readonly identity: readonly [ExpectedIdentity, ...ExpectedIdentity[]];
    readonly tagName?: string | undefined;
  },
): GitVerified {
  const { name, type, format, bytes } = object;
  const same = gitObjectName(format, type, bytes) === name;
  demand(same, "git/name-mismatch", `git gave another object than ${name}`);
  const { payload, signature, tagName } = parseSignedGitObject(type, bytes, format);
  const called = options.tagName === undefined || options.tagName === tagName;
  demand(called, "git/name-mismatch", `the tag under this name calls itself ${JSON.stringify(tagName)}`);
  const { trust, identity } = options;
  return described(verifyGitSignature(payload, parseGitSignature(signature), { trust, identity }));
}
