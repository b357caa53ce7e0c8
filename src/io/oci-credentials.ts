// Who a registry's user is, from where Docker's and cosign's users have said so: `config.json` in `DOCKER_CONFIG` or
// `~/.docker`, with its credential helpers. A helper is a program of the user's own, run without a shell.

import { execFile } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { Fields, isJsonObject, type JsonObject, parseJson, Problem } from "../core/index.ts";
import { readIfThere } from "./files.ts";

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
  /** A refresh token of the registry's token service (Docker's `identitytoken`), in place of a password. */
  readonly identityToken?: string;
}

const maxBytes = 1024 * 1024;
const helperTimeoutMs = 30_000;
const code = "io/docker-config";
// Docker Hub's entry has the address of its old registry for its name.
const hubKey = "https://index.docker.io/v1/";

/** Undefined when nothing is said of the registry. Problems `io/docker-config`, `io/credential-helper`. */
export async function registryCredentials(
  registry: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<RegistryCredentials | undefined> {
  const folder = environment["DOCKER_CONFIG"] || join(homedir(), ".docker");
  const bytes = await readIfThere(join(folder, "config.json"), maxBytes);
  if (bytes === undefined) return undefined;
  const config = Fields.of(parseJson(bytes, { maxBytes }), "docker config", code);
  const names =
    registry === "registry-1.docker.io" ? [hubKey, "docker.io", registry] : [registry, `https://${registry}`];
  const helpers = config.optional("credHelpers", (name) => config.stringMap(name, { max: 1000 }));
  for (const name of names) {
    const helper = helpers?.get(name);
    if (helper !== undefined) return askHelper(helper, name);
  }
  const auths = config.optional("auths", (name) => config.object(name).value);
  for (const name of names) {
    const entry = auths?.[name];
    if (isJsonObject(entry) && Object.keys(entry).length > 0) return readEntry(entry);
  }
  const store = config.optional("credsStore", (name) => config.string(name));
  return store === undefined || store === "" ? undefined : askHelper(store, names[0]!);
}

function readEntry(entry: JsonObject): RegistryCredentials {
  const fields = Fields.of(entry, "auths entry", code);
  const identityToken = fields.optional("identitytoken", (name) => fields.string(name));
  const auth = fields.optional("auth", (name) => new TextDecoder().decode(fields.base64(name)));
  const colon = auth?.indexOf(":") ?? -1;
  const username =
    auth === undefined ? fields.optional("username", (name) => fields.string(name)) : auth.slice(0, colon);
  const password =
    auth === undefined ? fields.optional("password", (name) => fields.string(name)) : auth.slice(colon + 1);
  return {
    username: username ?? "",
    password: password ?? "",
    ...(identityToken === undefined || identityToken === "" ? {} : { identityToken }),
  };
}

/** docker-credential-helpers' protocol: the server's name in, `{ Username, Secret }` out. */
function askHelper(helper: string, server: string): Promise<RegistryCredentials | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(helper)) throw new Problem(code, `${helper} is no name of a credential helper`);
  const program = `docker-credential-${helper}`;
  return new Promise((done, fail) => {
    const child = execFile(program, ["get"], { timeout: helperTimeoutMs, maxBuffer: maxBytes }, (error, stdout) => {
      if (error !== null) {
        // By the protocol this is how a helper says that it has nothing.
        if (stdout.includes("credentials not found")) return done(undefined);
        return fail(new Problem("io/credential-helper", `${program} gave no credentials for ${server}`));
      }
      try {
        const fields = Fields.of(parseJson(Buffer.from(stdout), { maxBytes }), program, "io/credential-helper");
        const [username, secret] = [fields.string("Username"), fields.string("Secret")];
        // The protocol's mark of a refresh token.
        const isToken = username === "<token>";
        return done({ username, password: isToken ? "" : secret, ...(isToken ? { identityToken: secret } : {}) });
      } catch (problem) {
        return fail(problem as Error);
      }
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(server);
  });
}
