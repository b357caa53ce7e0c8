#!/usr/bin/env node
// The only file that knows everything: it hands the world to the verbs. Each verb and each part of the world is loaded
// when it is asked for, so that a command starts with what it needs.

import { createReadStream, existsSync, readFileSync } from "node:fs";
import { mkdtemp, realpath } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type {
  BuildRequest,
  DemoVerbWorld,
  InitVerbWorld,
  OpenedBuild,
  Output,
  Serving,
  TrustOptions,
  TrustVerbWorld,
  UpOptions,
  Verbs,
} from "./cli/index.ts";
import type { BuildWorld, Files, Organisation, Progress, SigningWorld, Verifier } from "./flows/index.ts";
import type { Json, JsonObject } from "./core/index.ts";
import type { BuildWorkspaces, Isolation, SandboxKind } from "./io/index.ts";
import type { TufClient, TufFetcher } from "./tuf/index.ts";

const packageFolder = join(import.meta.dirname, "..");
const shippedAdvisories = join(packageFolder, "data", "advisories");
const tokenLifetimeS = 600;
const maxSmallBytes = 1024 * 1024;
const maxListedFiles = 100_000;
const stepOutputLines = 30;

const version = (JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as { version: string }).version;
const clock = { now: () => Date.now() };

async function randomness() {
  const { generateKey, randomBytes } = await import("./crypto/index.ts");
  return { bytes: randomBytes, key: generateKey };
}

async function folderFiles(folder: string): Promise<Files> {
  return (await import("./io/index.ts")).files.filesBelow(folder);
}

const readFile = async (path: string, maxBytes: number): Promise<Uint8Array> =>
  (await import("./io/index.ts")).files.read(resolve(path), maxBytes);

async function repository(folder = process.cwd()) {
  const { headCommit, topFolder } = await import("./io/index.ts");
  const top = await topFolder(folder);
  const { origin } = await headCommit(top);
  return { top, name: basename(top), sourceUri: origin ?? `file://${top}` };
}

/** The clone that this program was built in; not one that merely has the package somewhere in it. */
async function ownRepository() {
  const { isProblem, Problem } = await import("./core/index.ts");
  const found = await repository(packageFolder).catch((error: unknown) => {
    if (isProblem(error, "io/not-a-clone")) return undefined;
    throw error;
  });
  if (found?.top === (await realpath(packageFolder))) return found;
  throw new Problem("io/not-a-clone", `${packageFolder} is not a clone of sealwright's repository`, {
    hint: "the demonstration builds sealwright itself: clone the repository, then npm ci && npm run demo",
  });
}

/** The issuer of build tokens, on the organisation's key. */
async function openIssuer(files: Files, organisation: Organisation) {
  const { openTokenIssuer } = await import("./io/index.ts");
  const { encodePrivateKeyPem, encodePublicKeyPem } = await import("./crypto/index.ts");
  const { keyNames, loadKey } = await import("./flows/index.ts");
  const key = await loadKey(files, keyNames.oidc);
  return openTokenIssuer(organisation.url, encodePrivateKeyPem(key), encodePublicKeyPem(key.publicKey));
}

const openTuf = async (dir: string) => (await import("./io/index.ts")).openRepositoryStore(dir);

/** What `src/serve.ts` needs of here. */
const serveWorld = {
  version,
  clock,
  shippedAdvisories,
  random: randomness,
  files: folderFiles,
  issuer: openIssuer,
};

async function ownTrust(dir: string): Promise<TufClient> {
  return (await import("./serve.ts")).ownTrust(dir, serveWorld);
}

/** Serves an organisation until `close`. */
async function serve(dir: string, host: string, port: number, log: (record: object) => void): Promise<Serving> {
  return (await import("./serve.ts")).serveOrganisation(dir, { host, port, log }, serveWorld);
}

/** A mirror is an address or a folder. */
async function mirrorFetcher(mirror: string): Promise<TufFetcher> {
  const { createFolderFetcher, createHttpFetcher } = await import("./io/index.ts");
  return /^https?:\/\//.test(mirror) ? createHttpFetcher(mirror) : createFolderFetcher(resolve(mirror));
}

async function openClient(root: Uint8Array, mirror: string, stateFolder: string): Promise<TufClient> {
  const { createFileStore } = await import("./io/index.ts");
  const { updateTrust } = await import("./flows/index.ts");
  return updateTrust({
    root,
    fetcher: await mirrorFetcher(mirror),
    store: createFileStore(stateFolder),
    now: clock.now(),
  });
}

/** Signing with the organisation's services over HTTP, as whom the claims name. Whoever holds the folder holds the issuer. */
async function signingAs(
  dir: string,
  claims: Readonly<Record<string, unknown>>,
  subject: string,
): Promise<SigningWorld> {
  const { createServiceClient, paths } = await import("./api/index.ts");
  const io = await import("./io/index.ts");
  const flows = await import("./flows/index.ts");
  const files = await folderFiles(dir);
  const organisation = await flows.loadOrganisation(files);
  const { url } = organisation;
  const issuer = await openIssuer(files, organisation);
  return {
    random: await randomness(),
    token: () =>
      issuer.issue(claims, { subject, audience: flows.tokenAudience, now: clock.now(), lifetimeS: tokenLifetimeS }),
    challenge: flows.challengeOf,
    services: createServiceClient({ ca: url, log: url, tsa: url + paths.timestamp }, io.request),
    trust: await flows.loadSigstoreTrust(await ownTrust(dir)),
  };
}

/** Set when this process is asked to end: a build then ends its steps and removes its workspaces. */
const interruption = new AbortController();

/** The last lines of a step that failed. */
function showFailure(out: Output, where: string, stdout: Uint8Array, stderr: Uint8Array): void {
  const text = new TextDecoder();
  const lines = (text.decode(stdout) + text.decode(stderr)).trimEnd().split("\n").slice(-stepOutputLines);
  for (const line of lines) out.progress(`    ${where}: ${line}`);
}

interface BuildPlace {
  readonly top: string;
  readonly spaces: BuildWorkspaces;
  readonly kind: SandboxKind;
  readonly runId: string;
}

async function openBuildWorld(place: BuildPlace, progress: Progress, out: Output): Promise<BuildWorld> {
  const io = await import("./io/index.ts");
  const { measuredWorkspace } = await import("./flows/index.ts");
  const { Problem } = await import("./core/index.ts");
  const { top, kind, runId } = place;
  const { commit, volumes, claims, inputs } = place.spaces;
  const toolchain = io.describeToolchain();
  let measured: string | undefined;
  let observed: Isolation | undefined;
  const executor = io.createSandboxExecutor({
    kind,
    directory: volumes,
    toolchain,
    claims,
    signal: interruption.signal,
    maxOutputBytes: 4 * maxSmallBytes,
    beforeTask: async (task, folders) => {
      const folder = folders.get(measuredWorkspace);
      if (folder !== undefined && measured !== undefined && folder !== measured) {
        const where = `task ${task.pipelineTaskName} binds the workspace "${measuredWorkspace}" elsewhere than the tasks before it`;
        throw new Problem("build/pipeline", where);
      }
      measured ??= folder;
    },
    onStep: (task, step, { exitCode, stdout, stderr, isolation }) => {
      observed = isolation;
      if (exitCode !== 0) showFailure(out, `${task.pipelineTaskName}/${step.name}`, stdout, stderr);
    },
  });
  const readOutput = async (path: string, maxBytes: number): Promise<Uint8Array> => {
    const at = measured === undefined ? undefined : join(measured, path);
    const bytes = at === undefined ? undefined : await io.files.readIfThere(at, maxBytes, { noFollow: true });
    if (bytes === undefined) throw new Problem("build/no-artifact", `there is no ${path} in the workspace`);
    return bytes;
  };
  return {
    clock,
    progress,
    runId,
    commit,
    // From the clone itself: the mirror is where steps read, and nothing of theirs is read by us.
    readCommitted: (path, maxBytes) => io.readCommitted(top, commit.revision, path, maxBytes),
    committedDigests: () => io.committedDigests(top, commit.revision),
    executor,
    cancelled: interruption.signal,
    ...(kind === "none" ? { hostRoot: join(volumes, "root") } : {}),
    measure: async () => (measured === undefined ? new Map() : io.measureFolder(measured)),
    readOutput,
    toolchain: { uri: "sealwright:host-toolchain", sha256: toolchain.sha256, description: toolchain.manifest },
    isolation: () => observed ?? io.isolationOf(kind),
    inputs,
  };
}

/** Workspaces, sandbox and signer for one build. */
async function openBuild(request: BuildRequest, progress: Progress, out: Output): Promise<OpenedBuild> {
  const flows = await import("./flows/index.ts");
  const { hex } = await import("./core/index.ts");
  const files = await folderFiles(request.dir);
  const organisation = await flows.loadOrganisation(files);
  const { demandHealthy } = await import("./api/index.ts");
  const { request: transport } = await import("./io/index.ts");
  await demandHealthy(organisation.url, transport);
  const { demandReleaseFolder } = await import("./io/index.ts");
  await demandReleaseFolder(request.release, flows.releaseIndex);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interruption.abort());
  const { detectSandbox, openBuildWorkspaces } = await import("./io/index.ts");
  const { top } = await repository(request.folder);
  const kind = await detectSandbox();
  const spaces = await openBuildWorkspaces(top, request.workspaces);
  const { commit, close } = spaces;
  try {
    const identity = flows.buildIdentity(organisation);
    const runId = hex((await randomness()).bytes(8));
    const { sourceUri, pipelinePath } = organisation.project;
    const claims = {
      build_signer_uri: identity,
      runner_environment: "self-hosted",
      source_repository_uri: sourceUri,
      source_repository_digest: commit.revision,
      ...(commit.ref === undefined ? {} : { source_repository_ref: commit.ref }),
      run_invocation_uri: flows.runUri(organisation, runId),
    };
    return {
      organisation,
      options: { pipelinePath, sourceUri, params: request.params },
      world: await openBuildWorld({ top, spaces, kind, runId }, progress, out),
      signing: await signingAs(request.dir, claims, identity),
      builder: {
        id: flows.builderId(organisation, kind),
        version,
        signer: await flows.loadSigner(files, flows.keyNames.builder),
      },
      decide: (release) => recordDecision(files, organisation, identity, release),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Has the organisation verify a release and record what it decides. */
async function recordDecision(
  files: Files,
  organisation: Organisation,
  subject: string,
  release: JsonObject,
): Promise<Json> {
  const { createDecisionClient } = await import("./api/index.ts");
  const { decisionAudience } = await import("./flows/index.ts");
  const { request } = await import("./io/index.ts");
  const issuer = await openIssuer(files, organisation);
  const options = { subject, audience: decisionAudience, now: clock.now(), lifetimeS: tokenLifetimeS };
  return createDecisionClient(organisation.url, request).decide(release, await issuer.issue({}, options));
}

function homeFolder(variable: "XDG_CACHE_HOME" | "XDG_CONFIG_HOME", fallback: string): string {
  // An empty variable counts as unset (XDG Base Directory Specification 0.8).
  return join(process.env[variable] || join(homedir(), fallback), "sealwright");
}

async function openTrust(options: TrustOptions): Promise<TufClient> {
  return (await import("./own-organisation.ts")).openTrust(options, clock.now());
}

/** This user's own key for verification summaries, made at the first use. */
async function ownVerifier(): Promise<Verifier> {
  const { createSigner, keyFingerprint } = await import("./crypto/index.ts");
  const { hex } = await import("./core/index.ts");
  const { ownKey } = await import("./io/index.ts");
  const key = await ownKey(homeFolder("XDG_CONFIG_HOME", ".config"), "verifier");
  return { id: `urn:sha256:${hex(keyFingerprint(key.publicKey))}`, version, signer: createSigner(key) };
}

async function advisories(folder: string | undefined) {
  return (await import("./io/index.ts")).loadAdvisoryFolders([
    folder === undefined ? shippedAdvisories : resolve(folder),
  ]);
}

/** The shipped set, and beside the repository the public records where they are. */
async function demoAdvisories() {
  const vectors = process.env["SEALWRIGHT_VECTORS"] ?? join(packageFolder, "..", "shared", "vectors");
  const folders = [join(vectors, "osv"), join(vectors, "kev")].filter((folder) => existsSync(folder));
  return (await import("./io/index.ts")).loadAdvisoryFolders([shippedAdvisories, ...folders]);
}

const initWorld: InitVerbWorld = {
  repository,
  readFile,
  openInit: async (dir, progress) => ({
    clock,
    random: await randomness(),
    files: await folderFiles(dir),
    openTuf: () => openTuf(dir),
    progress,
  }),
};

const consumerWorld: TrustVerbWorld = {
  readPieces: (path) => createReadStream(resolve(path)),
  list: async (folder) => {
    const { files } = await import("./io/index.ts");
    const found = await files.listFiles(resolve(folder), { maxFiles: maxListedFiles });
    return found.map(({ path }) => join(folder, path));
  },
  targets: async () => (await import("./sign-main.ts")).verifyTargets,
  now: clock.now,
  openTrust,
  readFile,
  writeFile: async (path, bytes) => (await import("./io/index.ts")).files.write(resolve(path), bytes),
  files: folderFiles,
  advisories,
  verifier: ownVerifier,
};

function interrupted(): Promise<void> {
  return new Promise((done) => {
    process.once("SIGINT", () => done());
    process.once("SIGTERM", () => done());
  });
}

function demoWorld(out: Output): DemoVerbWorld {
  return {
    ...initWorld,
    // The demonstration is of this program's own repository.
    repository: ownRepository,
    cwd: process.cwd(),
    openBuild: (request, progress) => openBuild(request, progress, out),
    files: folderFiles,
    now: clock.now,
    nowPrecise: () => performance.now(),
    randomness,
    sandbox: async () => (await import("./io/index.ts")).detectSandbox(),
    freePort: async () => (await import("./io/index.ts")).freePort(),
    freshFolder: async () => realpath(await mkdtemp(join(tmpdir(), "sealwright-demo-"))),
    serve: (dir, port) => serve(dir, "127.0.0.1", port, () => undefined),
    signingAs,
    openClient,
    openTuf,
    advisories: demoAdvisories,
    newVerifier: async (id) => {
      const { createSigner, generateKey } = await import("./crypto/index.ts");
      return { id, version, signer: createSigner(generateKey("ecdsa-p256")) };
    },
    command: `node ${join(packageFolder, "dist", "main.js")}`,
  };
}

interface Streams {
  out(text: string): void;
  err(text: string): void;
  readonly color: boolean;
}
type Act = (
  options: { readonly output: "text" | "json"; readonly quiet: boolean },
  verb: (out: Output) => Promise<number>,
) => Promise<void>;

/** Loads each verb's own file when it is asked for. */
function verbsOf(act: Act, streams: Streams): Verbs {
  return {
    init: (options) => act(options, async (out) => (await import("./cli/init.ts")).initVerb(options, initWorld, out)),
    up: (options) => act(options, (out) => up(options, out, streams)),
    build: (options) =>
      act(options, async (out) => {
        const world = {
          cwd: process.cwd(),
          openBuild: (request: BuildRequest, progress: Progress) => openBuild(request, progress, out),
          files: (folder: string) => folderFiles(resolve(folder)),
        };
        return (await import("./cli/build.ts")).buildVerb(options, world, out);
      }),
    verify: (file, options) =>
      act(options, async (out) => (await import("./cli/verify.ts")).verifyVerb(file, options, consumerWorld, out)),
    check: (file, options) =>
      act(options, async (out) => (await import("./cli/verify.ts")).checkVerb(file, options, consumerWorld, out)),
    bundle: (verb, rest, options) =>
      act(options, async (out) =>
        (await import("./cli/bundle.ts")).bundleVerb(verb, rest, options, consumerWorld, out),
      ),
    trust: (verb, rest, options) =>
      act(options, async (out) => (await import("./cli/trust.ts")).trustVerb(verb, rest, options, consumerWorld, out)),
    git: (verb, rest, options) =>
      act(options, async (out) => (await import("./git-main.ts")).runGit(verb, rest, options, out)),
    signing: (verb, rest, options) =>
      act(options, async (out) => (await import("./sign-main.ts")).runSign(verb, rest, options, out, clock)),
    tuf: (verb, rest, options) =>
      act(options, async (out) =>
        (await import("./tuf-main.ts")).runTuf(verb, rest, options, out, { clock, openTrust }),
      ),
    demo: (options) =>
      act(options, async (out) => (await import("./cli/demo.ts")).demoVerb(options, demoWorld(out), out)),
  };
}

async function up(options: UpOptions, out: Output, streams: Streams): Promise<number> {
  const log = (record: object) => streams.err(`${JSON.stringify({ time: new Date().toISOString(), ...record })}\n`);
  const world = {
    organisation: async (dir: string) => (await import("./flows/index.ts")).loadOrganisation(await folderFiles(dir)),
    serve: (dir: string, host: string, port: number) =>
      serve(dir, host, port, (record) => {
        // What went wrong here is said even to who wants to hear nothing else.
        const serious = "level" in record || ("status" in record && Number(record.status) >= 500);
        if (!options.quiet || serious) log(record);
      }),
    interrupted,
  };
  return (await import("./cli/up.ts")).upVerb(options, world, out);
}

async function run(args: readonly string[]): Promise<number> {
  // The one question so common that nothing is loaded for it.
  if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const { createProgram, exitCodeOf, Output: OutputClass, parseArguments } = await import("./cli/index.ts");
  const streams = {
    out: (text: string) => void process.stdout.write(text),
    err: (text: string) => void process.stderr.write(text),
    color: process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "",
  };
  let exitCode = 0;
  // Known before the arguments are read, so that what is wrong with them is said in the form that was asked for.
  const form = /(?:^|\s)(?:-o\s?|--output[\s=])json(?:\s|$)/.test(args.join(" ")) ? "json" : "text";
  let out = new OutputClass(streams, form, false);
  const act: Act = async (options, verb) => {
    out = new OutputClass(streams, options.output, options.quiet);
    exitCode = await verb(out);
  };
  try {
    await parseArguments(createProgram(verbsOf(act, streams), version), args);
  } catch (error) {
    out.error(error);
    return exitCodeOf(error);
  }
  return exitCode;
}

// A reader that has seen enough, such as `head`, is no failure of ours, and there is nobody left to tell.
process.on("uncaughtException", (error) => {
  // A bug of ours answers no question: 1 would say that something was found false.
  process.stderr.write(`${error.stack ?? String(error)}\n`);
  process.exit(2);
});
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(2);
  throw error;
});
process.exitCode = await run(process.argv.slice(2));
