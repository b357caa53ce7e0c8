// How long what is signed lasts and when it is signed anew, for each role: the record `settings`. Times in the JSON are
// days and hours, since people write it; in the model they are milliseconds.

import { dayMs, emptyObject, Fields, hourMs, parseJson, utf8, type Json, type JsonObject } from "../core/index.ts";

export const settingsRecord = "settings";
const code = "tuf/settings-invalid";
const maxBytes = 1 << 20;
const maxDays = 36_500;

export interface RoleSettings {
  /** From signing to expiry. */
  readonly expiryMs: number;
  /** From when on, before expiry, it is signed anew. */
  readonly signingMs: number;
}

export interface RepositorySettings {
  /** By role name; bins under their group's name. */
  readonly roles: ReadonlyMap<string, RoleSettings>;
  /** How long a file that nothing names any more can still be had. */
  readonly retentionMs: number;
  /** Key id to key reference: where a private key is. */
  readonly keys: ReadonlyMap<string, string>;
}

export const defaultSettings: RepositorySettings = {
  roles: new Map([
    ["root", { expiryMs: 365 * dayMs, signingMs: 60 * dayMs }],
    ["targets", { expiryMs: 180 * dayMs, signingMs: 30 * dayMs }],
    ["bins", { expiryMs: 90 * dayMs, signingMs: 30 * dayMs }],
    ["snapshot", { expiryMs: 14 * dayMs, signingMs: 7 * dayMs }],
    ["timestamp", { expiryMs: 7 * dayMs, signingMs: 6 * dayMs }],
  ]),
  retentionMs: 48 * hourMs,
  keys: new Map(),
};

/** The name under which the bins of a role have settings and signers: `bins`, or `ROLE-bins`. */
export function binsGroup(delegator: string): string {
  return delegator === "targets" ? "bins" : `${delegator}-bins`;
}

/** Of a role by name; bins by their group's. A delegated role that has none lives as targets do, bins as `bins`. */
export function roleSettings({ roles }: RepositorySettings, role: string): RoleSettings {
  const own = roles.get(role);
  if (own !== undefined) return own;
  const fallback = role.endsWith("-bins") ? "bins" : "targets";
  return roles.get(fallback) ?? defaultSettings.roles.get(fallback)!;
}

/** The defaults when there is no record. Problem `tuf/settings-invalid`. */
export function parseSettings(bytes: Uint8Array | undefined): RepositorySettings {
  if (bytes === undefined) return defaultSettings;
  const fields = Fields.of(parseJson(bytes, { maxBytes }), "settings", code);
  const roles = new Map(defaultSettings.roles);
  const given = fields.optional("roles", (name) => fields.object(name));
  for (const role of given?.names() ?? []) {
    const each = given!.object(role);
    const settings = { expiryMs: readTime(each, "expiryDays", dayMs), signingMs: readTime(each, "signingDays", dayMs) };
    if (settings.signingMs >= settings.expiryMs) throw each.problem("signingDays", "is not below expiryDays");
    roles.set(role, settings);
  }
  const retentionMs = fields.optional("retentionHours", (name) => readTime(fields, name, hourMs));
  const keys = fields.optional("keys", (name) => fields.stringMap(name, { max: 4096 }));
  return {
    roles,
    retentionMs: retentionMs ?? defaultSettings.retentionMs,
    keys: new Map(keys),
  };
}

function readTime(fields: Fields, name: string, unitMs: number): number {
  const value = fields.value[name];
  if (typeof value !== "number" || value <= 0 || value * unitMs > maxDays * dayMs) {
    throw fields.problem(name, "is not a time above zero");
  }
  return Math.round(value * unitMs);
}

/** The record's bytes. */
export function encodeSettings({ roles, retentionMs, keys }: RepositorySettings): Uint8Array {
  const object = <T>(entries: Iterable<readonly [string, T]>, encode: (value: T) => Json): JsonObject => {
    const out = emptyObject<Json>();
    for (const [name, value] of entries) out[name] = encode(value);
    return out;
  };
  const document = {
    roles: object(roles, ({ expiryMs, signingMs }) => ({
      expiryDays: expiryMs / dayMs,
      signingDays: signingMs / dayMs,
    })),
    retentionHours: retentionMs / hourMs,
    keys: object(keys, (reference) => reference),
  };
  return utf8(`${JSON.stringify(document, null, 2)}\n`);
}
