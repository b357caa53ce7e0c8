// The way out when a root can no longer be believed, or can no longer be signed: the same content in a new repository
// under new keys, whose root every client has to be given again.

import { Problem } from "../core/index.ts";
import { labelOf, nothingWanted, openPublished, propose, readKeyNames, restated } from "../flows/index.ts";
import { encodePath, type Repository, targetFile } from "../tuf/index.ts";
import type { ExitCode } from "./output.ts";
import { flowWorld, withStore } from "./tuf-change.ts";
import { bringKey, findKey, type NewKey } from "./tuf-keys.ts";
import { reportOutcome } from "./tuf-report.ts";
import type { OpenedStore, TufCall } from "./tuf-world.ts";

const maxTargetBytes = 1024 * 1024 * 1024;

/** `tuf recover root --new-root FOLDER`. Exit code 0 when the new repository is whole, 1 while it waits for signatures. */
export function newRootVerb(call: TufCall, folder: string): Promise<ExitCode> {
  return withStore<ExitCode>(call, async (old) => {
    const repository = await openPublished(old);
    const gone = await Promise.all((call.options.key ?? []).map((key) => findKey(old, repository, key)));
    if (gone.length === 0) throw new Problem("cli/usage", "say with --key which keys are stolen or lost");
    const inFolder: TufCall = { ...call, options: { ...call.options, dir: folder } };
    if (call.options.dryRun === true) return tell(call, folder, gone, await readKeyNames(old));
    return withStore<ExitCode>(inFolder, (store) => remake(call, inFolder, { old, store, repository, gone }), {
      create: true,
    });
  });
}

interface Remaking {
  readonly old: OpenedStore;
  readonly store: OpenedStore;
  readonly repository: Repository;
  readonly gone: readonly string[];
}

async function remake(call: TufCall, inFolder: TufCall, { old, store, repository, gone }: Remaking): Promise<ExitCode> {
  const { out, world, options } = call;
  const names = await readKeyNames(old);
  const brought = await newKeys(call, inFolder, { old, store, repository, gone }, names);
  const content = await restated(repository, (key) => brought.get(key.keyid)?.key ?? key);
  for (const { add } of content.targets) {
    for (const { path, hashes } of add) {
      const file = encodePath(targetFile(path, [...hashes!.values()][0]));
      const bytes = await old.readTarget(file, maxTargetBytes);
      if (bytes !== undefined) await store.writeTarget(file, bytes);
    }
  }
  const kept = [...repository.settings.keys]
    .filter(([keyid]) => !gone.includes(keyid))
    .map(([keyid, reference]) => ({
      keyid,
      name: names.get(keyid) ?? keyid.slice(0, 8),
      reference: world.absolute(reference, options.dir),
    }));
  const holders = [...kept, ...[...brought.values()].map(({ holder }) => holder)];
  for (const each of inFolder.made) await each.save();
  const outcome = await propose(flowWorld(inFolder, store), {
    name: "new-root",
    wanted: { ...nothingWanted, ...content, holders },
    notes: ["no client follows to this root by itself: it has to be handed to each of them"],
  });
  const exit = await reportOutcome(inFolder, outcome, { folder: inFolder.options.dir });
  if (outcome.state === "applied") {
    for (const line of afterwards(inFolder.options.dir)) out.line(line);
  }
  return exit;
}

function afterwards(folder: string): readonly string[] {
  return [
    `the new repository and its root are in ${folder}`,
    `  1. stop sealwright up, put tuf.sqlite, tuf-targets, keys and root.json of ${folder} in the organisation's folder, start it`,
    "  2. hand root.json to every client by a way that they trust; their old one is worth nothing now",
    "  3. keep the old tuf.sqlite: its log says what was signed with the keys",
  ];
}

/** New keys in the place of those that are gone; what signs online is always new, since it was on the same footing. */
async function newKeys(
  call: TufCall,
  inFolder: TufCall,
  { store, repository, gone }: Remaking,
  names: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, NewKey>> {
  const { roles } = repository.head.root.signed;
  const online = [...roles.snapshot.keyids, ...roles.timestamp.keyids];
  const specs = [...(call.options.with ?? [])];
  const brought = new Map<string, NewKey>();
  for (const keyid of new Set([...gone, ...online])) {
    const spec = gone.includes(keyid) ? (specs.shift() ?? "new") : "new";
    brought.set(keyid, await bringKey(inFolder, store, spec, names.get(keyid) ?? "key"));
  }
  return brought;
}

function tell(call: TufCall, folder: string, gone: readonly string[], names: ReadonlyMap<string, string>): ExitCode {
  const { out } = call;
  const label = labelOf(names);
  out.line(out.style("rehearsal: nothing has been written", "bold"));
  out.line(`  a new repository in ${folder}, with new keys for ${gone.map(label).join(", ")}, snapshot and timestamp`);
  out.line(
    "  a client that has the old root does not follow: it goes on believing the old keys until it is handed the new root",
  );
  out.document({ state: "rehearsed", folder, replaced: gone, follows: false });
  return 0;
}
