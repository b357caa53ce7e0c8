// `sign`, `attest`, `tree` and `copy` on a terminal.

import { relative } from "node:path";
import { hex, Problem } from "../core/index.ts";
import { digestHex, parseCertificate, type Signer } from "../crypto/index.ts";
import {
  attestImage,
  copyImage,
  type CopyableRepository,
  folderStatement,
  type ImageNode,
  type ImagePredicate,
  imageTree,
  type NamedImage,
  openSigning,
  type Randomness,
  readPredicate,
  type ServiceClients,
  type Signing,
  type SigningMaterial,
  signImage,
} from "../flows/index.ts";
import { createStatement, encodeStatement } from "../intoto/index.ts";
import { type Bundle, encodeBundle, identityOf, type SigningConfig, type Trust } from "../sigstore/index.ts";
import type { ExitCode, Output } from "./output.ts";
import type { SignOptions } from "./sign-program.ts";
import { folderBundle } from "./verify-image.ts";

/** An image that was opened by its name. */
export interface OpenedImage extends NamedImage {
  readonly repository: CopyableRepository;
  readonly tag: string | undefined;
}

export interface SignVerbWorld {
  now(): number;
  readonly random: Randomness;
  readonly clients: ServiceClients;
  /** What a text names: what is there decides; Problem `cli/usage` when it is neither there nor an image's name. */
  kindOf(artifact: string): Promise<"file" | "folder" | "image">;
  readFile(path: string, maxBytes: number): Promise<Uint8Array>;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  /** SHA-256 of every file, by its path. Links are refused. */
  measureFolder(path: string): Promise<ReadonlyMap<string, string>>;
  openImage(text: string, options?: { readonly create?: boolean }): Promise<OpenedImage>;
  /** The services and what their work is verified with, from files or from TUF. */
  services(options: SignOptions): Promise<{ readonly config: SigningConfig; readonly trust: Trust }>;
  identityToken(options: SignOptions, config: SigningConfig): Promise<string>;
  openSigner(reference: string): Promise<Signer>;
}

interface Verb {
  readonly options: SignOptions;
  readonly world: SignVerbWorld;
  readonly out: Output;
}

const maxArtifactBytes = 2 * 1024 * 1024 * 1024 - 1;
const maxPredicateBytes = 16 * 1024 * 1024;

/** One of the verbs, by its name. 0, or a Problem. */
export async function signVerb(name: string, args: readonly string[], verb: Verb): Promise<ExitCode> {
  const [first = "", second = ""] = args;
  switch (name) {
    case "tree":
      return treeVerb(first, verb);
    case "copy":
      return copyVerb(first, second, verb);
    default:
      return signOne(first, verb);
  }
}

async function signOne(artifact: string, verb: Verb): Promise<ExitCode> {
  const { options, world } = verb;
  const kind = await world.kindOf(artifact);
  refuseIdleOptions(kind, options);
  if (kind === "folder" && options.bundle !== undefined && !relative(artifact, options.bundle).startsWith("..")) {
    throw new Problem("cli/usage", "the bundle cannot go into the folder that it signs", { hint: "put it beside it" });
  }
  const predicate =
    options.predicate === undefined || options.type === undefined
      ? undefined
      : readPredicate(options.type, await world.readFile(options.predicate, maxPredicateBytes), world.now());
  const signing = await openSigningFor(verb);
  if (kind === "image") return signOneImage(artifact, predicate, signing, verb);
  const bundle =
    kind === "folder"
      ? await signing.signStatement(folderStatement(await world.measureFolder(artifact), predicate))
      : await signFile(artifact, predicate, signing, world);
  // An attestation does not take the signature's place.
  const beside = predicate === undefined ? ".sigstore.json" : ".attestation.sigstore.json";
  const path = options.bundle ?? (kind === "folder" ? folderBundle(artifact, beside) : `${artifact}${beside}`);
  await world.writeFile(path, encodeBundle(bundle));
  return reportSigned(artifact, kind, [{ bundle, place: path }], verb);
}

/** An option that would be ignored is refused: it may be what the caller relies on. */
function refuseIdleOptions(kind: "file" | "folder" | "image", options: SignOptions): void {
  const given = (condition: boolean, name: string, why: string): void => {
    if (condition) throw new Problem("cli/usage", `${name} ${why}`);
  };
  if (kind !== "image") {
    given(options.recursive === true, "--recursive", "goes with an image");
    given(options.legacy === true, "--legacy", "goes with an image");
    given((options.annotation?.size ?? 0) > 0, "--annotation", "goes with an image");
  } else given(options.bundle !== undefined, "--bundle", "goes with a file or a folder: an image's lies beside it");
  const [config, root] = [options.signingConfig, options.trustedRoot];
  given((config === undefined) !== (root === undefined), "--signing-config", "and --trusted-root go together");
  const byKey = options.key !== undefined;
  given(byKey && options.identityToken !== undefined, "--key", "signs without an identity: give no token");
  given(byKey && options.login !== undefined, "--key", "signs without an identity: nobody has to log in");
}

async function openSigningFor({ options, world }: Verb): Promise<Signing> {
  const { config, trust } = await world.services(options);
  const material: SigningMaterial =
    options.key === undefined
      ? { kind: "identity", token: () => world.identityToken(options, config) }
      : { kind: "key", signer: await world.openSigner(options.key) };
  return openSigning({ config, trust, material, clients: world.clients, random: world.random, now: world.now() });
}

async function signFile(
  path: string,
  predicate: ImagePredicate | undefined,
  signing: Signing,
  world: SignVerbWorld,
): Promise<Bundle> {
  const bytes = await world.readFile(path, maxArtifactBytes);
  if (predicate === undefined) return signing.signMessage(bytes);
  const name = path.split("/").at(-1) as string;
  const subject = [{ name, digest: new Map([["sha256", digestHex("sha256", bytes)]]) }];
  return signing.signStatement(encodeStatement(createStatement({ subject, ...predicate })));
}

async function signOneImage(
  text: string,
  predicate: ImagePredicate | undefined,
  signing: Signing,
  verb: Verb,
): Promise<ExitCode> {
  const { options, world } = verb;
  const image = await world.openImage(text);
  const { recursive = false, legacy = false, annotation: annotations } = options;
  const how = { signing, now: world.now(), recursive, legacy, ...(annotations === undefined ? {} : { annotations }) };
  const signed = predicate === undefined ? await signImage(image, how) : await attestImage(image, predicate, how);
  const reports = signed.map(({ bundle, digest, attached }) => ({
    bundle,
    place: `${image.name}@${attached}`,
    digest,
  }));
  return reportSigned(text, "image", reports, verb);
}

interface Report {
  readonly bundle: Bundle;
  readonly place: string;
  readonly digest?: string;
}

function reportSigned(
  artifact: string,
  kind: "file" | "folder" | "image",
  reports: readonly Report[],
  { out }: Verb,
): ExitCode {
  const documents = reports.map(({ bundle, place, digest }) => {
    const signer = signerOf(bundle);
    const log = bundle.verificationMaterial.logEntries.map(({ logIndex, logId }) => ({ logIndex, logId: hex(logId) }));
    out.line(`${out.style("signed", "green")} ${digest === undefined ? artifact : `${artifact} (${digest})`}`);
    for (const [name, value] of Object.entries(signer)) out.line(`  ${name.padEnd(8)} ${value}`);
    out.line(`  log      ${log.map(({ logIndex }) => `entry ${logIndex}`).join(", ") || "none"}`);
    out.line(`  bundle   ${place}`);
    return { ...(digest === undefined ? {} : { digest }), bundle: place, ...signer, log };
  });
  out.document({ signed: true, artifact, kind, signatures: documents });
  return 0;
}

function signerOf(bundle: Bundle): Readonly<Record<string, string>> {
  const { signer } = bundle.verificationMaterial;
  if (signer.kind === "publicKey") return { key: signer.hint };
  const { subjectAlternativeName, issuer } = identityOf(parseCertificate(signer.leaf));
  return { signer: subjectAlternativeName, issuer };
}

async function treeVerb(text: string, { world, out }: Verb): Promise<ExitCode> {
  const { repository, reference, name } = await world.openImage(text);
  const tree = await imageTree(repository, reference);
  out.line(`${out.style(name, "bold")}@${tree.digest}`);
  const show = (nodes: readonly ImageNode[], indent: string): void => {
    for (const { digest, what, by, children } of nodes) {
      out.line(`${indent}${what}  ${digest}  (${by})`);
      show(children, `${indent}  `);
    }
  };
  show(tree.children, "  ");
  if (tree.children.length === 0) out.line("  nothing is beside it");
  out.document({ image: name, ...tree });
  return 0;
}

async function copyVerb(from: string, to: string, { world, out }: Verb): Promise<ExitCode> {
  const source = await world.openImage(from);
  const target = await world.openImage(to, { create: true });
  if (target.reference.startsWith("sha256:")) {
    throw new Problem("cli/usage", "a copy has the digest of what is copied: name it by a tag, or by nothing");
  }
  // `latest` where nothing was said is what a registry's reader would ask for.
  const tag = target.tag ?? source.tag;
  const copied = await copyImage(source, target.repository, tag);
  out.line(`${out.style("copied", "green")} ${from} to ${target.name}${tag === undefined ? "" : `:${tag}`}`);
  out.line(`  image    ${copied.digest}`);
  out.line(`  copied   ${copied.manifests} manifests, ${copied.blobs} blobs`);
  out.document({ copied: true, from, to, ...copied });
  return 0;
}
