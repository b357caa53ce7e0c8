import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isProblem, utf8, type ProblemCode } from "../core/index.ts";
import { parseLockfile } from "./lockfile.ts";

function lock(packages: unknown, version = 3): Uint8Array {
  return utf8(JSON.stringify({ name: "app", lockfileVersion: version, packages }));
}

function refuses(fileName: string, bytes: Uint8Array, code: ProblemCode): void {
  assert.throws(
    () => parseLockfile(fileName, bytes),
    (error) => isProblem(error, code),
  );
}

test("a package-lock names what is installed: not the root, not the project's own folders, not links", () => {
  const found = parseLockfile(
    "sub/package-lock.json",
    lock({
      "": { name: "app", version: "1.0.0" },
      "tools/a": { version: "9.9.9" },
      "node_modules/a": { resolved: "tools/a", link: true },
      "node_modules/@s/b": { version: "2.0.0", integrity: "sha512-AA==", dev: true },
      "node_modules/@s/b/node_modules/c": { version: "3.0.0", inBundle: true },
    }),
  );
  assert.deepEqual(found, [
    {
      ecosystem: "npm",
      name: "@s/b",
      version: "2.0.0",
      purl: "pkg:npm/%40s/b@2.0.0",
      integrity: "sha512-AA==",
      dev: true,
    },
    { ecosystem: "npm", name: "c", version: "3.0.0", purl: "pkg:npm/c@3.0.0" },
  ]);
});

test("an alias stands under the name it was published as", () => {
  const [found] = parseLockfile(
    "package-lock.json",
    lock({ "node_modules/harmless": { name: "event-stream", version: "3.3.6" } }, 2),
  );
  assert.equal(found?.purl, "pkg:npm/event-stream@3.3.6");
});

test("a package at several places counts once, and as development only when it is so everywhere", () => {
  const found = parseLockfile(
    "package-lock.json",
    lock({
      "node_modules/a": { version: "1.0.0", dev: true },
      "node_modules/b/node_modules/a": { version: "1.0.0" },
    }),
  );
  assert.deepEqual(
    found.map(({ name, dev }) => [name, dev]),
    [["a", undefined]],
  );
});

test("this project's own package-lock is read whole", () => {
  const bytes = readFileSync(new URL("../../package-lock.json", import.meta.url));
  const found = parseLockfile("package-lock.json", bytes);
  assert.ok(found.some(({ purl }) => purl.startsWith("pkg:npm/yaml@")));
  assert.ok(found.every(({ version, integrity }) => version !== "" && integrity !== undefined));
});

test("a package-lock that cannot be read in full is refused", () => {
  refuses("package-lock.json", lock({ "node_modules/a": {} }), "packages/lockfile-invalid");
  refuses("package-lock.json", lock({ "node_modules/..\\a": { version: "1" } }), "packages/lockfile-invalid");
  refuses("package-lock.json", lock({}, 1), "packages/lockfile-unsupported");
  refuses("package-lock.json", utf8('{"lockfileVersion":3}'), "packages/lockfile-invalid");
  refuses("package-lock.json", utf8('{"lockfileVersion":3,"packages":{},"packages":{}}'), "packages/lockfile-invalid");
  refuses("yarn.lock", utf8(""), "packages/lockfile-unsupported");
});

test("a gradle.lockfile names group, artifact and version", () => {
  const text = [
    "# This is a Gradle generated file for dependency locking.",
    "org.apache.logging.log4j:log4j-api:2.14.1=compileClasspath,runtimeClasspath",
    "org.apache.logging.log4j:log4j-core:2.14.1=runtimeClasspath",
    "empty=annotationProcessor",
  ];
  for (const end of ["\n", "\r\n"]) {
    const found = parseLockfile("gradle.lockfile", utf8(text.join(end) + end));
    assert.deepEqual(
      found.map(({ ecosystem, name, version, purl }) => [ecosystem, name, version, purl]),
      [
        [
          "Maven",
          "org.apache.logging.log4j:log4j-api",
          "2.14.1",
          "pkg:maven/org.apache.logging.log4j/log4j-api@2.14.1",
        ],
        [
          "Maven",
          "org.apache.logging.log4j:log4j-core",
          "2.14.1",
          "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
        ],
      ],
    );
  }
  assert.deepEqual(parseLockfile("gradle.lockfile", utf8("empty=\n")), []);
});

test("a gradle.lockfile that says nothing, or something else, is refused", () => {
  refuses("gradle.lockfile", utf8("# only a comment\n"), "packages/lockfile-invalid");
  refuses("gradle.lockfile", utf8("a:b=c\n"), "packages/lockfile-invalid");
  refuses("gradle.lockfile", utf8("a:b:1=c\n<<<<<<< HEAD\n"), "packages/lockfile-invalid");
  refuses("gradle.lockfile", Uint8Array.of(0xff), "packages/lockfile-invalid");
});

test("a package whose archive is another package's is refused, however it is named", () => {
  const locked = (entry: object, path = "node_modules/left") =>
    utf8(JSON.stringify({ lockfileVersion: 3, packages: { "": {}, [path]: entry } }));
  const registry = "https://registry.npmjs.org";
  const wrong = [
    locked({ version: "1.0.0", resolved: `${registry}/event-stream/-/event-stream-3.3.6.tgz` }),
    locked({ version: "1.0.0", resolved: `${registry}/left/-/left-1.0.1.tgz` }),
    locked(
      { name: "left", version: "1.0.0", resolved: `${registry}/event-stream/-/event-stream-3.3.6.tgz` },
      "node_modules/event-stream",
    ),
  ];
  for (const bytes of wrong)
    assert.throws(
      () => parseLockfile("package-lock.json", bytes),
      (error) => isProblem(error, "packages/lockfile-invalid"),
    );
  const right = [
    locked({ version: "1.0.0", resolved: `${registry}/left/-/left-1.0.0.tgz` }),
    locked({ version: "1.0.0", resolved: `${registry}/@scope/left/-/left-1.0.0.tgz` }, "node_modules/@scope/left"),
    locked({ version: "1.0.0", resolved: "https://npm.example/npm/left/-/left-1.0.0.tgz" }),
  ];
  for (const bytes of right) assert.equal(parseLockfile("package-lock.json", bytes)[0]?.unverifiable, undefined);
  const elsewhere = parseLockfile(
    "package-lock.json",
    locked({ version: "1.0.0", resolved: "git+ssh://git@git.example/x.git#abc" }),
  );
  assert.match(elsewhere[0]?.unverifiable ?? "", /elsewhere/);
});

test("version 2's legacy list cannot hide a package from the one that is read", () => {
  const bytes = utf8(
    JSON.stringify({
      lockfileVersion: 2,
      packages: { "": {} },
      dependencies: { "event-stream": { version: "3.3.6" } },
    }),
  );
  assert.throws(
    () => parseLockfile("package-lock.json", bytes),
    (error) => isProblem(error, "packages/lockfile-invalid"),
  );
});
