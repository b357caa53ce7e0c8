// The verbs of `tuf` that change the repository. Each says what it wants; making the proposal, signing it with what is at
// hand, carrying it out or keeping it is one path for all, and so is the rehearsal.

import { isJsonObject, isProblem, parseJson, Problem, utf8 } from "../core/index.ts";
import {
  authorityOf,
  delegationList,
  draft,
  type KeyHolder,
  labelOf,
  nothingWanted,
  openIfThere,
  openPublished,
  type Operation,
  propose,
  publishOperation,
  readKeyNames,
  recover,
  rehearse,
  rolesOfKey,
  type RoleEdit,
  type TufWorld,
  unpublishOperation,
  viewOf,
  type Wanted,
} from "../flows/index.ts";
import { binsGroup, type Repository, type RepositoryStore, roleStates } from "../tuf/index.ts";
import type { ExitCode } from "./output.ts";
import { bringKey, findKey, type NewKey } from "./tuf-keys.ts";
import { reportOutcome, reportRehearsal } from "./tuf-report.ts";
import type { OpenedStore, TufCall } from "./tuf-world.ts";

/** Opens the organisation's repository for one verb and closes it again. */
export async function withStore<T>(
  call: TufCall,
  act: (store: OpenedStore) => Promise<T>,
  options: { readonly create?: boolean } = {},
): Promise<T> {
  const store = await call.world.openStore(call.options.dir, options);
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

export function flowWorld({ world, options }: TufCall, store: RepositoryStore): TufWorld {
  return {
    store,
    now: world.now(),
    random: world.random,
    // A rehearsal bothers nobody for a PIN.
    keyring: (references) => world.keyring(options.dir, references, { ask: options.dryRun !== true }),
  };
}

/** Carries an operation out, or rehearses it; tells what came of it. */
export async function carryOut(
  call: TufCall,
  store: RepositoryStore,
  operation: Operation,
  extra: object = {},
): Promise<ExitCode> {
  const world = flowWorld(call, store);
  const { out } = call;
  try {
    if (call.options.dryRun === true) return reportRehearsal(out, await rehearse(world, operation), extra);
    await saveKeys(call, store, operation);
    return await reportOutcome(call, await propose(world, operation), extra);
  } catch (error) {
    if (!isProblem(error, "tuf/nothing-wanted")) throw error;
    out.line("nothing would change: it is so already");
    out.document({ state: "unchanged", operation: operation.name, ...extra });
    return 0;
  }
}

/** New keys become files only for an operation that is possible. */
async function saveKeys({ made, world }: TufCall, store: RepositoryStore, operation: Operation): Promise<void> {
  if (made.length === 0) return;
  const names = await readKeyNames(store);
  const repository = await openIfThere(store);
  await draft(repository, operation, { now: world.now(), label: labelOf(names) });
  for (const each of made) await each.save();
}

type Make = (repository: Repository, store: OpenedStore) => Promise<Operation>;

function changing(make: (call: TufCall) => Make) {
  return (call: TufCall): Promise<ExitCode> =>
    withStore(call, async (store) => {
      const operation = await make(call)(await openPublished(store), store);
      return carryOut(call, store, operation);
    });
}

interface Leaving {
  readonly names: ReadonlyMap<string, string>;
  readonly keyids: readonly string[];
  /** From which they go. */
  readonly roles: readonly string[];
  readonly command: "remove" | "replace";
  /** Where the key is that takes the place. */
  readonly next?: string | undefined;
}

/** Of keys that go: what they still sign, or where their private halves lie when they are of no use any more. */
async function leftovers(repository: Repository, leaving: Leaving): Promise<string[]> {
  const { names, keyids, roles, command, next } = leaving;
  const notes: string[] = [];
  for (const keyid of keyids) {
    const reference = repository.settings.keys.get(keyid);
    const name = names.get(keyid) ?? keyid.slice(0, 8);
    const stays = (await rolesOfKey(viewOf(repository), keyid)).filter((role) => !roles.includes(role));
    if (stays.length > 0) {
      const way = `${command} ${stays.join(",")} ${name}${next === undefined ? "" : ` --with ${next}`}`;
      notes.push(`${name} still signs ${stays.join(", ")}; to ${command} it there too: sealwright tuf key ${way}`);
    } else if (reference !== undefined) {
      notes.push(`${name}: ${reference} signs nothing any more here once this is done; take it away then`);
    }
  }
  return notes;
}

function operationOf(name: string, wanted: Partial<Wanted>, brought: readonly NewKey[] = []): Operation {
  const holders: KeyHolder[] = brought.map(({ holder }) => holder);
  return { name, wanted: { ...nothingWanted, ...wanted, holders }, notes: brought.flatMap(({ notes }) => notes) };
}

function rolesOf(text: string | undefined): readonly string[] {
  const roles = (text ?? "").split(",").filter((role) => role !== "");
  if (roles.length === 0) throw new Problem("cli/usage", "no role was given, such as root or root,targets");
  return roles;
}

function editOf(role: string, change: Partial<Omit<RoleEdit, "role">>): RoleEdit {
  return { role, add: [], remove: [], threshold: undefined, ...change };
}

export const keyAdd = changing((call) => async (_repository, store) => {
  const [roles, ...keys] = call.args;
  const brought = await bringAll(call, store, keys, rolesOf(roles)[0]!);
  const edits = rolesOf(roles).map((role) =>
    editOf(role, { add: brought.map(({ key }) => key), threshold: call.options.threshold }),
  );
  return operationOf("key-add", { edits }, brought);
});

export const keyRemove = changing((call) => async (repository, store) => {
  const [roles, ...keys] = call.args;
  const remove = await Promise.all(keys.map((key) => findKey(store, repository, key)));
  const edits = rolesOf(roles).map((role) => editOf(role, { remove, threshold: call.options.threshold }));
  const names = await readKeyNames(store);
  const notes = await leftovers(repository, { names, keyids: remove, roles: rolesOf(roles), command: "remove" });
  return { ...operationOf("key-remove", { edits }), notes };
});

export const keyReplace = changing((call) => async (repository, store) => {
  const [roles, old] = call.args;
  const remove = [await findKey(store, repository, old ?? "")];
  const names = await readKeyNames(store);
  const name = names.get(remove[0]!) ?? rolesOf(roles)[0]!;
  const brought = await bringAll(call, store, call.options.with ?? ["new"], name);
  const edits = rolesOf(roles).map((role) =>
    editOf(role, { add: brought.map(({ key }) => key), remove, threshold: call.options.threshold }),
  );
  const operation = operationOf("key-replace", { edits }, brought);
  const next = brought[0]?.holder.reference;
  const left = await leftovers(repository, { names, keyids: remove, roles: rolesOf(roles), command: "replace", next });
  return { ...operation, notes: [...(operation.notes ?? []), ...left] };
});

/** Every key of a role gives way to a new one, made here unless it is said where. */
export const keyRotate = changing((call) => async (repository, store) => {
  const edits: RoleEdit[] = [];
  const brought: NewKey[] = [];
  const gone: string[] = [];
  const names = await readKeyNames(store);
  const roles = rolesOf(call.args[0]);
  const view = viewOf(repository);
  for (const role of roles) {
    const { keyids } = (await authorityOf(view, role)).role;
    gone.push(...keyids);
    const specs = call.options.with ?? keyids.map(() => "new");
    const keys: NewKey[] = [];
    for (const [at, spec] of specs.entries()) {
      // A key of other roles as well leaves them its name.
      const old = keyids[at] ?? "";
      const isShared = (await rolesOfKey(view, old)).some((each) => !roles.includes(each));
      keys.push(await bringKey(call, store, spec, (isShared ? undefined : names.get(old)) ?? role));
    }
    brought.push(...keys);
    const add = keys.map(({ key }) => key);
    edits.push(editOf(role, { add, remove: keyids, threshold: call.options.threshold }));
  }
  const operation = operationOf("key-rotate", { edits }, brought);
  const left = await leftovers(repository, { names, keyids: gone, roles, command: "replace" });
  return { ...operation, notes: [...(operation.notes ?? []), ...left] };
});

export const threshold = changing((call) => async () => {
  const [roles, count] = call.args;
  const edits = rolesOf(roles).map((role) => editOf(role, { threshold: numberOf(count, "a threshold") }));
  return operationOf("threshold", { edits });
});

export const delegate = changing((call) => async (repository, store) => {
  const { key = [], path = [], from = "targets", threshold: given, terminating } = call.options;
  const [name = ""] = call.args;
  if (path.length === 0 || path.includes("")) {
    throw new Problem("cli/usage", `say with --path which targets ${name} may sign, such as 'apps/*'`);
  }
  const delegations = (await repository.role(from))?.signed.delegations;
  const before = delegations && delegationList(delegations).find((each) => each.name === name);
  // One that is there keeps its keys unless others are named.
  const kept = key.length === 0 ? before : undefined;
  const brought = kept === undefined ? await bringAll(call, store, key.length === 0 ? ["new"] : key, name) : [];
  const each = {
    from,
    name,
    paths: path,
    keys: kept?.keys ?? brought.map((one) => one.key),
    threshold: given ?? kept?.threshold ?? 1,
    terminating: terminating ?? kept?.terminating ?? false,
  };
  const operation = operationOf("delegate", { delegate: [each] }, brought);
  const gone = before?.keys.filter(({ keyid }) => !each.keys.some((next) => next.keyid === keyid)) ?? [];
  if (gone.length === 0) return operation;
  const label = labelOf(await readKeyNames(store));
  const note = `${name} is delegated to already: its keys are replaced; ${gone.map(({ keyid }) => label(keyid)).join(", ")} may not sign it any more`;
  return { ...operation, notes: [...(operation.notes ?? []), note] };
});

export const revoke = changing((call) => async () => {
  const from = call.options.from ?? "targets";
  return operationOf("revoke", { revoke: call.args.map((name) => ({ from, name })) });
});

export const rebin = changing((call) => async (repository, store) => {
  const role = call.options.role ?? "targets";
  const count = numberOf(call.args[0], "a number of bins");
  // New bins get a key of their own, so that a server signs them and no owner has to.
  const usual = count > 1 && !repository.bins.has(role) ? ["new"] : [];
  const brought = await bringAll(call, store, call.options.key ?? usual, binsGroup(role));
  const bins = {
    role,
    count,
    keys: brought.map(({ key }) => key),
    threshold: call.options.threshold,
  };
  return operationOf("rebin", { bins: [bins] }, brought);
});

/** New versions and expiry dates without any other change: of what is due, or else of root and targets. */
export const resignVerb = changing((call) => async (repository) => {
  const { args, world } = call;
  const byPeople = new Set(["root", "targets", ...repository.delegated.keys()]);
  const due = roleStates(repository).filter(({ role, signingFromMs }) => {
    return byPeople.has(role) && signingFromMs !== undefined && signingFromMs <= world.now();
  });
  const usual = due.length > 0 ? due.map(({ role }) => role) : ["root", "targets"];
  return operationOf("resign", { renew: args.length > 0 ? args : usual });
});

export const publishVerb = changing((call) => async (repository, store) => {
  const { args, options, world } = call;
  const paths = options.path ?? [];
  if (paths.length > 0 && paths.length !== args.length) {
    throw new Problem(
      "cli/usage",
      `${args.length} files and ${paths.length} times --path: give one for each file, or none`,
    );
  }
  const files = args.map((file, at) => ({ path: paths[at] ?? file, open: () => world.openFile(file) }));
  return publishOperation({
    repository,
    store,
    files,
    role: options.role,
    custom: options.custom === undefined ? undefined : customOf(options.custom),
    now: world.now(),
    write: options.dryRun !== true,
  });
});

export const unpublishVerb = changing((call) => async (repository) => unpublishOperation(repository, call.args));

/** The play-book of a compromise. */
export function recoverVerb(call: TufCall): Promise<ExitCode> {
  return withStore<ExitCode>(call, async (store) => {
    const { options, out } = call;
    const repository = await openPublished(store);
    const names = await readKeyNames(store);
    const keys = await Promise.all((options.key ?? []).map((key) => findKey(store, repository, key)));
    const specs = [...(options.with ?? [])];
    const book = await recover({
      repository,
      roles: rolesOf(call.args[0]),
      keys,
      lost: options.lost === true,
      label: labelOf(names),
      replacement: async (keyid) => {
        const spec = specs.shift() ?? "new";
        if (spec === "none") return undefined;
        return bringKey(call, store, spec, names.get(keyid) ?? "key");
      },
    });
    out.line(out.style(book.happened, "bold"));
    for (const line of book.exposure) out.line(`  until clients have followed: ${line}`);
    for (const [at, step] of book.steps.entries()) out.line(`  ${at + 1}. ${step}`);
    const { happened, exposure, steps } = book;
    // What was said above is not said twice.
    const operation = { ...book.operation, notes: [] };
    return carryOut(call, store, operation, { happened, exposure, steps });
  });
}

async function bringAll(
  call: TufCall,
  store: RepositoryStore,
  specs: readonly string[],
  usual: string,
): Promise<readonly NewKey[]> {
  const brought: NewKey[] = [];
  for (const spec of specs) brought.push(await bringKey(call, store, spec, usual));
  return brought;
}

function numberOf(text: string | undefined, what: string): number {
  if (text === undefined || !/^\d{1,9}$/.test(text))
    throw new Problem("cli/usage", `${text ?? "nothing"} is not ${what}`);
  return Number(text);
}

function customOf(text: string) {
  const value = parseJson(utf8(text), { maxBytes: 1 << 16 });
  if (!isJsonObject(value)) throw new Problem("cli/usage", "--custom is a JSON object");
  return value;
}
