// `bundle inspect` and `bundle upgrade` on a terminal.

import { type Json, Problem } from "../core/index.ts";
import { bundleView, readAnyBundle, readLogAnswer, upgradeVerified } from "../flows/index.ts";
import { type Bundle, bundleOfCosignFiles, type VerifyOptions } from "../sigstore/index.ts";
import { artifactOf, demandsOf, expectationOf } from "./bundle-expectation.ts";
import type { Output } from "./output.ts";
import type { BundleOptions } from "./sigstore-program.ts";
import type { ConsumerVerbWorld } from "./world.ts";

const maxBundleBytes = 32 * 1024 * 1024;
const maxSmallBytes = 2 * 1024 * 1024;

/** 0, or a Problem that says why not. */
export async function bundleVerb(
  verb: string,
  args: readonly string[],
  options: BundleOptions,
  world: ConsumerVerbWorld,
  out: Output,
): Promise<number> {
  return verb === "inspect"
    ? inspect(args[0] as string, world, out)
    : upgrade(args[0], options as BundleOptions & { artifact: string; out: string }, world, out);
}

async function inspect(file: string, world: ConsumerVerbWorld, out: Output): Promise<number> {
  const view = bundleView(await world.readFile(file, maxBundleBytes));
  out.line(out.style("nothing of this is verified", "yellow"));
  print(out, view, "");
  out.document(view);
  return 0;
}

/** Names and values, one a line, deeper ones further in. */
function print(out: Output, value: Json, indent: string): void {
  for (const [name, each] of Object.entries(value as object) as [string, Json][]) {
    if (typeof each !== "object" || each === null) {
      if (each !== null) out.line(`${indent}${name}: ${String(each)}`);
      continue;
    }
    if (Object.keys(each).length === 0) continue;
    out.line(`${indent}${Array.isArray(value) ? "-" : `${name}:`}`);
    print(out, each, `${indent}  `);
  }
}

async function upgrade(
  file: string | undefined,
  options: BundleOptions & { readonly artifact: string; readonly out: string },
  world: ConsumerVerbWorld,
  out: Output,
): Promise<number> {
  const old = await readOld(file, options, world);
  const proven = [];
  for (const path of options.proof ?? []) proven.push(readLogAnswer(await world.readFile(path, maxBundleBytes)));
  const { trust, expected } = await expectationOf(options, world);
  const artifact = await artifactOf(options.artifact, [old], expected, world);
  const type = options.type === undefined ? {} : { predicateType: options.type };
  const demands = await demandsOf(options, world);
  const asked = { trust, artifact, ...type, ...demands, ...expected } as VerifyOptions;
  const { bytes, bundle } = upgradeVerified(old, proven, asked);
  await world.writeFile(options.out, bytes);
  out.line(`${out.style("verified", "green")} and written as ${bundle.mediaType} to ${options.out}`);
  if (bundle.version === "0.1") out.line("  give --proof FILE with the log's answer for a bundle of v0.3");
  out.document({ verified: true, mediaType: bundle.mediaType, out: options.out });
  return 0;
}

async function readOld(file: string | undefined, options: BundleOptions, world: ConsumerVerbWorld): Promise<Bundle> {
  if ((file === undefined) === (options.signature === undefined))
    throw new Problem("cli/usage", "give a bundle, or --signature with cosign's other files");
  if (file !== undefined) return readAnyBundle(await world.readFile(file, maxBundleBytes)).bundle;
  const read = async (path: string | undefined): Promise<Uint8Array | undefined> =>
    path === undefined ? undefined : world.readFile(path, maxSmallBytes);
  const [signature, certificate, chain, rekorBundle] = [
    await read(options.signature),
    await read(options.certificate),
    await read(options.chain),
    await read(options.rekorBundle),
  ];
  return bundleOfCosignFiles({
    signature: signature as Uint8Array,
    ...(certificate === undefined ? {} : { certificate }),
    ...(chain === undefined ? {} : { chain }),
    ...(rekorBundle === undefined ? {} : { rekorBundle }),
  });
}
