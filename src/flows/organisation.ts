// An organisation: its name, its address, and where its keys and files lie below one folder. Created once by `init`.

import { Fields, parseJson, Problem, utf8 } from "../core/index.ts";
import { createSigner, type LocalSigner, parsePrivateKeyPem, type PrivateKey } from "../crypto/index.ts";
import type { Files } from "./world.ts";

const code = "organisation/invalid";
const maxBytes = 64 * 1024;

export interface Organisation {
  /** Short name, such as `example`. */
  readonly name: string;
  /** Base address of the services, without a slash at its end; also the issuer of build tokens. */
  readonly url: string;
  /** Origin of the log's checkpoints: a bare host name, as existing clients expect (C2SP tlog-checkpoint). */
  readonly logOrigin: string;
  readonly ctOrigin: string;
  readonly project: Project;
  readonly createdMs: number;
}

/** What is built: one repository and the pipeline in it. */
export interface Project {
  readonly name: string;
  /** Where the source is kept, such as `git+https://example.com/app`. */
  readonly sourceUri: string;
  /** The PipelineRun's path in the repository. */
  readonly pipelinePath: string;
}

/** Every private key, each in `keys/NAME.pem`. README of flows: who is trusted with which. */
export const keyNames = {
  root: ["root-1", "root-2", "root-3"],
  snapshot: "snapshot",
  timestamp: "timestamp",
  caRoot: "ca-root",
  ca: "ca",
  log: "log",
  ct: "ct",
  tsaRoot: "tsa-root",
  tsa: "tsa",
  oidc: "oidc",
  builder: "builder",
  verifier: "verifier",
} as const;

export const places = {
  organisation: "organisation.json",
  keys: "keys",
  caChain: "certificates/ca.pem",
  tsaChain: "certificates/tsa.pem",
  tuf: "tuf.sqlite",
  tufTargets: "tuf-targets",
  log: "log",
  ct: "ct",
  decisions: "decisions",
  root: "root.json",
} as const;

/** The certificate identity of a project's builds: the pipeline that runs, as a URI (Fulcio's SAN). */
export function buildIdentity(organisation: Organisation): string {
  return `${organisation.url}/projects/${organisation.project.name}/${organisation.project.pipelinePath}`;
}

/** One run of a build, as certificates name it. */
export function runUri(organisation: Organisation, runId: string): string {
  return `${organisation.url}/runs/${runId}`;
}

/**
 * SLSA `builder.id` of the builds this organisation runs itself, by how steps are kept apart. Without any isolation it
 * is another builder, since a step could then do whatever the control plane can.
 */
export function builderId(organisation: Organisation, sandbox: string): string {
  return `${organisation.url}/builders/${sandbox === "none" ? "unisolated" : "local"}/v1`;
}

/** The bytes of `organisation.json`. */
export function encodeOrganisation(organisation: Organisation): Uint8Array {
  return utf8(`${JSON.stringify(organisation, null, 2)}\n`);
}

/** Problems `organisation/missing`, `organisation/invalid`. */
export async function loadOrganisation(files: Files): Promise<Organisation> {
  const bytes = await files.readIfThere(places.organisation, maxBytes);
  if (bytes === undefined) {
    throw new Problem("organisation/missing", "there is no organisation in this folder", {
      hint: "make one with `sealwright init`, or name its folder with --dir or SEALWRIGHT_DIR",
    });
  }
  const fields = Fields.of(parseJson(bytes, { maxBytes }), "organisation", code);
  const project = fields.object("project");
  return {
    name: fields.string("name", { min: 1, max: 100 }),
    url: fields.string("url", { min: 8, max: 500 }),
    logOrigin: fields.string("logOrigin", { min: 1, max: 200 }),
    ctOrigin: fields.string("ctOrigin", { min: 1, max: 200 }),
    project: {
      name: project.string("name", { min: 1, max: 100 }),
      sourceUri: project.string("sourceUri", { min: 1, max: 1000 }),
      pipelinePath: project.string("pipelinePath", { min: 1, max: 500 }),
    },
    createdMs: fields.integer("createdMs"),
  };
}

/** Problems `io/not-found`, `io/exposed`, `crypto/key-invalid`. */
export async function loadKey(files: Files, name: string): Promise<PrivateKey> {
  return loadKeyAt(files, `${places.keys}/${name}.pem`);
}

async function loadKeyAt(files: Files, path: string): Promise<PrivateKey> {
  return parsePrivateKeyPem(new TextDecoder().decode(await files.read(path, maxBytes, { private: true })));
}

/** As `loadKey`, ready to sign with the scheme usual for its kind. */
export async function loadSigner(files: Files, name: string): Promise<LocalSigner> {
  return createSigner(await loadKey(files, name));
}

/** As `loadSigner`, of a file named by its path below the folder. */
export async function loadSignerAt(files: Files, path: string): Promise<LocalSigner> {
  return createSigner(await loadKeyAt(files, path));
}
