// `verify` of what is no single file: an image with what lies beside it, a folder as a whole. `verify.ts` hands over
// whom and what it expects; here it is done and shown.

import { basename, resolve } from "node:path";
import { formatUtcSeconds } from "../core/index.ts";
import { type ImageExpectation, type NamedImage, verifyFolder, verifyImage } from "../flows/index.ts";
import { parseBundle, type VerifiedBundle } from "../sigstore/index.ts";
import type { ExitCode, Output } from "./output.ts";

const maxBundleBytes = 32 * 1024 * 1024;

/** Where a folder's bundle goes: beside it, never in it, as it would be a file of it afterwards. */
export function folderBundle(folder: string, ending: string): string {
  const name = basename(folder);
  return `${name === "." || name === ".." || name === "" ? resolve(folder) : folder.replace(/\/+$/, "")}${ending}`;
}

/** What these two need of the world. */
export interface VerifyTargetWorld {
  /** What an argument names. Problem `io/not-found`. */
  kindOf(artifact: string): Promise<"file" | "folder" | "image">;
  readFile(path: string, maxBytes: number): Promise<Uint8Array>;
  /** SHA-256 of every file, by its path. Links are refused. */
  measureFolder(path: string): Promise<ReadonlyMap<string, string>>;
  openImage(text: string): Promise<NamedImage>;
}

/** 0, or a Problem `image/*`, `io/*`. */
export async function verifyImageVerb(
  text: string,
  expected: ImageExpectation,
  world: Pick<VerifyTargetWorld, "openImage">,
  out: Output,
): Promise<ExitCode> {
  const { repository, reference, name } = await world.openImage(text);
  const { digest, held, refused } = await verifyImage(repository, reference, expected);
  // By its digest: the tag may be another's by the time it is pulled.
  const image = `${name}@${digest}`;
  for (const { place, form, verified } of held) {
    out.line(`${out.style("verified", "green")} ${image}`);
    out.line(`  by      ${form} ${place}`);
    showSigner(verified, out);
  }
  for (const { place, code, message } of refused) out.line(`  refused ${place}: ${message} [${code}]`);
  const documents = held.map(({ place, form, verified }) => ({ place, form, ...describe(verified) }));
  out.document({ verified: true, image, evidence: documents, refused });
  return 0;
}

/** 0, or a Problem `folder/*`, `sigstore/*`, `io/*`. Every bundle has to hold. */
export async function verifyFolderVerb(
  folder: string,
  bundles: readonly string[],
  { signer, ...expected }: ImageExpectation,
  world: Pick<VerifyTargetWorld, "readFile" | "measureFolder">,
  out: Output,
): Promise<ExitCode> {
  const files = await world.measureFolder(folder);
  const documents: object[] = [];
  // What `sign` wrote, where nothing else is named.
  const paths =
    bundles.length === 0
      ? [folderBundle(folder, expected.predicateType === undefined ? ".sigstore.json" : ".attestation.sigstore.json")]
      : bundles;
  for (const path of paths) {
    const bundle = parseBundle(await world.readFile(path, maxBundleBytes));
    const verified = verifyFolder(files, bundle, { ...expected, ...signer });
    out.line(`${out.style("verified", "green")} ${folder} by ${path}: ${files.size} files, no other`);
    showSigner(verified, out);
    documents.push({ bundle: path, ...describe(verified) });
  }
  out.document({ verified: true, folder, files: files.size, bundles: documents });
  return 0;
}

function showSigner(verified: VerifiedBundle, out: Output): void {
  const { identity, issuer, predicateType, times } = describe(verified);
  if (identity !== undefined) out.line(`  signer  ${identity}`);
  if (issuer !== undefined) out.line(`  issuer  ${issuer}`);
  if (predicateType !== undefined) out.line(`  states  ${predicateType}`);
  out.line(`  time    ${times.join(", ") || "none"}`);
}

function describe({ signer, content, times }: VerifiedBundle) {
  return {
    identity: signer.kind === "identity" ? signer.identity.subjectAlternativeName : undefined,
    issuer: signer.kind === "identity" ? signer.identity.issuer : undefined,
    predicateType: content.kind === "envelope" ? content.statement?.predicateType : undefined,
    times: times.map(({ atMs, source }) => `${formatUtcSeconds(atMs)} (${source})`),
  };
}
