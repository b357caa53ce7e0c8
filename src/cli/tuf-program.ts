// The command group `tuf` and its options. What each verb does is in its own file; this one only reads the arguments.

import { type Command, InvalidArgumentError, Option } from "commander";
import type { TufOptions } from "./tuf-world.ts";

/** What main does for a sub-verb, by its name, such as `key add`. */
export interface TufVerbs {
  tuf(verb: string, args: readonly string[], options: TufOptions): Promise<void>;
}

function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

function count(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("it must be a number.");
  return Number(text);
}

const many = (flags: string, description: string): Option => new Option(flags, description).argParser(collect);
const number = (flags: string, description: string): Option => new Option(flags, description).argParser(count);

const options = {
  dryRun: () => new Option("--dry-run", "show what every client would see; write nothing"),
  yes: () => new Option("-y, --yes", "do not ask"),
  threshold: () => number("--threshold <n>", "how many keys must sign from now on"),
  key: () =>
    many(
      "--key <key>",
      "a key: new[:NAME], who was invited, a PEM file (a relative path starts at the working folder), pkcs11:..., vault://..., sigstore:ISSUER#IDENTITY; may be repeated",
    ),
  with: () => many("--with <key>", "the key that comes instead (default: a new one in keys/); may be repeated"),
  out: () => new Option("--out <file>", "where the file goes"),
  root: () =>
    new Option("--root <file>", "TUF root to start from (default: the organisation's own)").env("SEALWRIGHT_ROOT"),
};

/** Adds `tuf` with its sub-verbs. */
export function addTufVerbs(program: Command, verbs: TufVerbs): void {
  const tuf = program.command("tuf").description("the TUF repository: keys, ceremonies, targets, recovery");
  const add = (parent: Command, usage: string, description: string, ...given: readonly Option[]): void => {
    const command = parent.command(usage).description(description);
    for (const option of given) command.addOption(option);
    const name = `${parent === tuf ? "" : `${parent.name()} `}${command.name()}`;
    command.action((...args: unknown[]) => {
      const values = args
        .slice(0, -2)
        .flat()
        .filter((each): each is string => typeof each === "string");
      return verbs.tuf(name, values, command.optsWithGlobals<TufOptions>());
    });
  };
  addLooking(tuf, add);
  addTargets(tuf, add);
  addKeys(tuf, add);
  addSigning(tuf, add);
  addClient(tuf, add);
}

type Add = (parent: Command, usage: string, description: string, ...given: readonly Option[]) => void;

function addLooking(tuf: Command, add: Add): void {
  add(
    tuf,
    "status",
    "versions, expiry, who can sign, what waits for whom; exit code 1 when somebody has to act",
    new Option("--targets", "list the targets too"),
  );
  add(
    tuf,
    "log [id]",
    "what was done to the repository; with a proposal's id or a revision its transcript",
    options.out(),
  );
}

function addTargets(tuf: Command, add: Add): void {
  add(
    tuf,
    "publish <files...>",
    "publish target files; policy, layout and alike are read by their parsers first",
    many("--path <path>", "the target's path, one for each file (default: as the file is named)"),
    new Option(
      "--role <role>",
      "the role that lists it (default: where it is listed already, else targets or its bins)",
    ),
    new Option("--custom <json>", "custom data of the targets"),
    options.dryRun(),
  );
  add(tuf, "unpublish <paths...>", "take targets out of the repository", options.dryRun());
  add(
    tuf,
    "delegate <name>",
    "let other keys sign some targets",
    many("--path <pattern>", "which targets, such as 'apps/*'; may be repeated"),
    options.key(),
    options.threshold(),
    new Option("--from <role>", "the role that delegates").default("targets"),
    new Option("--terminating", "nobody after it is asked for these targets"),
    options.dryRun(),
  );
  add(
    tuf,
    "revoke <names...>",
    "end delegations",
    new Option("--from <role>", "the role that delegates").default("targets"),
    options.dryRun(),
  );
  add(
    tuf,
    "rebin <count>",
    "spread targets over bins: a power of two up to 16384, 1 for none",
    new Option("--role <role>", "whose targets").default("targets"),
    options.key(),
    options.threshold(),
    options.dryRun(),
  );
}

function addKeys(tuf: Command, add: Add): void {
  const key = tuf
    .command("key")
    .description("keys of roles, such as root, targets, root,targets, snapshot, bins or a delegated role");
  add(key, "add <roles> <keys...>", "add keys", options.threshold(), options.dryRun());
  add(key, "remove <roles> <keys...>", "take keys away", options.threshold(), options.dryRun());
  add(
    key,
    "replace <roles> <old>",
    "put a key in the place of another",
    options.with(),
    options.threshold(),
    options.dryRun(),
  );
  add(
    key,
    "rotate <roles>",
    "new keys for a role, as for snapshot and timestamp; clients forget what the old ones signed",
    options.with(),
    options.threshold(),
    options.dryRun(),
  );
  add(tuf, "threshold <roles> <n>", "change how many keys must sign", options.dryRun());
  add(
    tuf,
    "resign [roles...]",
    "new versions with later expiry and no other change (default: all that owners sign)",
    options.dryRun(),
  );
  add(
    tuf,
    "recover <roles>",
    "a key is stolen or lost: what it means, and what takes it away",
    many("--key <key>", "which key (default: every key of the role); may be repeated"),
    options.with(),
    new Option("--lost", "it is in nobody else's hands"),
    new Option("--new-root <folder>", "make a new repository with a root to be handed out anew"),
    options.dryRun(),
  );
}

function addSigning(tuf: Command, add: Add): void {
  add(
    tuf,
    "ceremony",
    "guided: make a repository with its key holders, or change one; call it again to go on",
    new Option(
      "--root-keys <names>",
      "holders of root keys, by comma; NAME is invited, new:NAME is made here, NAME=KEY is a reference",
    ),
    number("--root-threshold <n>", "how many must sign a root"),
    new Option("--targets-keys <names>", "holders of targets keys (default: those of root)"),
    number("--targets-threshold <n>", "how many must sign targets"),
    new Option("--transcript <file>", "write what was done, with digests"),
    options.yes(),
    options.dryRun(),
  );
  add(tuf, "invite <names...>", "invite key holders: each gets a file to answer", options.out(), options.dryRun());
  add(
    tuf,
    "request [id]",
    "write what waits for signatures into a file for who is elsewhere",
    options.out(),
    options.dryRun(),
  );
  add(
    tuf,
    "respond <file>",
    "answer an invitation or a request, on any machine, without network",
    options.key(),
    options.out(),
    options.root(),
    many("--expect <digest>", "a digest that you were told, of each document; refuse to sign another"),
    options.yes(),
    options.dryRun(),
  );
  add(tuf, "receive <files...>", "take answers in; carries out what is complete");
  add(
    tuf,
    "sign [id]",
    "sign what waits with the keys at hand; carries out what is complete",
    many("--key <key>", "a private key that the repository does not know the place of; may be repeated"),
    options.yes(),
    options.dryRun(),
  );
  add(
    tuf,
    "proposals [action] [id]",
    "what waits: list, show ID, discard ID; before the first root discard abandons the ceremony",
    options.dryRun(),
  );
}

function addClient(tuf: Command, add: Add): void {
  const mirror = () => new Option("--mirror <url>", "TUF repository: an address or a folder").env("SEALWRIGHT_MIRROR");
  const at = () => new Option("--at <time>", "the time that counts, such as 2030-01-01T00:00:00Z (default: now)");
  add(tuf, "refresh", "one update from a root: what a client trusts now", options.root(), mirror());
  add(
    tuf,
    "download <paths...>",
    "targets, each only when its length and hashes are those listed",
    options.root(),
    mirror(),
    new Option("--out <folder>", "where they go"),
  );
  add(
    tuf,
    "verify-mirror [mirror]",
    "follow a mirror and read all of it: an address, a folder, an archive, or the repository here",
    options.root(),
    at(),
    new Option("--partial", "what a part leaves out is no failure"),
  );
  add(
    tuf,
    "export <place>",
    "a mirror as a folder, or as an archive where the name ends in .tar",
    options.root(),
    mirror(),
    at(),
    many("--target <pattern>", "only what these targets need; may be repeated"),
    options.dryRun(),
  );
  add(
    tuf,
    "import <from> <folder>",
    "take a mirror over into a folder when all of it verifies and nothing goes back",
    options.root(),
    at(),
    options.dryRun(),
  );
}
