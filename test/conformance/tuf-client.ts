// The client that theupdateframework/tuf-conformance drives (its CLIENT-CLI.md):
//   --metadata-dir DIR init TRUSTED_ROOT
//   --metadata-dir DIR --metadata-url URL refresh
//   --metadata-dir DIR --metadata-url URL --target-name PATH... --target-base-url URL --target-dir DIR download
// tools/build.js bundles it for the executable beside it, which the suite starts hundreds of times.
// Exit 0: done; 1: refused, or the command could not be read.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isProblem, Problem, problemChain } from "../../src/core/index.ts";
import { createHttpFetcher } from "../../src/io/tuf-http.ts";
import { createFileStore } from "../../src/io/tuf-store.ts";
import { createTargetSink } from "../../src/io/tuf-target.ts";
import { roleFile, update, type TufClient } from "../../src/tuf/index.ts";

interface Command {
  readonly metadataDir: string;
  readonly metadataUrl?: string;
  readonly targetNames: readonly string[];
  readonly targetBaseUrl?: string;
  readonly targetDir?: string;
}

function needed(value: string | undefined, name: string): string {
  if (value === undefined) throw new Problem("usage/missing", `${name} is missing`);
  return value;
}

// The root that was handed over; `root.json` beside it is the newest one that it led to.
function bootstrapFile({ metadataDir }: Command): string {
  return join(metadataDir, "bootstrap", "root.json");
}

function init(command: Command, trustedRoot: string): void {
  const bytes = readFileSync(trustedRoot);
  mkdirSync(join(command.metadataDir, "bootstrap"), { recursive: true });
  writeFileSync(bootstrapFile(command), bytes);
  writeFileSync(join(command.metadataDir, roleFile("root")), bytes);
}

function refresh(command: Command, targetUrl?: string): Promise<TufClient> {
  return update({
    bootstrap: readFileSync(bootstrapFile(command)),
    fetcher: createHttpFetcher(needed(command.metadataUrl, "--metadata-url")),
    ...(targetUrl === undefined ? {} : { targetFetcher: createHttpFetcher(targetUrl) }),
    store: createFileStore(command.metadataDir),
    now: Date.now(),
  });
}

async function download(command: Command): Promise<void> {
  const targetDir = needed(command.targetDir, "--target-dir");
  const client = await refresh(command, needed(command.targetBaseUrl, "--target-base-url"));
  for (const name of command.targetNames) {
    const target = await client.findTarget(name);
    if (target === undefined) throw new Problem("tuf/target-not-found", `no role lists ${name}`);
    // One folder deep, whatever the path: then a file can never stand where another needs a folder.
    await client.downloadTo(target, createTargetSink(targetDir, encodeURIComponent(name)));
  }
}

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      "metadata-dir": { type: "string" },
      "metadata-url": { type: "string" },
      "target-name": { type: "string", multiple: true },
      "target-base-url": { type: "string" },
      "target-dir": { type: "string" },
    },
  });
  const command: Command = {
    metadataDir: needed(values["metadata-dir"], "--metadata-dir"),
    metadataUrl: values["metadata-url"],
    targetNames: values["target-name"] ?? [],
    targetBaseUrl: values["target-base-url"],
    targetDir: values["target-dir"],
  } as Command;
  const [verb, ...rest] = positionals;
  if (verb === "init") init(command, needed(rest[0], "the trusted root"));
  else if (verb === "refresh") await refresh(command);
  else if (verb === "download") await download(command);
  else throw new Problem("usage/command", "the commands are init, refresh and download");
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${isProblem(error) ? problemChain(error).join("\n  ") : String((error as Error).stack)}\n`);
  process.exitCode = 1;
}
