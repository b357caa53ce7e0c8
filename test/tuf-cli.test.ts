// `sealwright tuf` as people use it: the built program, several folders as several machines, and a terminal.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { cleanEnvironment, createOrganisation, type Example, mainFile, run, temporaryFolder } from "./program.ts";

async function json(example: Example, ...args: readonly string[]) {
  const { code, stdout, stderr } = await example.run("tuf", ...args, "--output", "json");
  return { code, stderr, document: JSON.parse(stdout) };
}

const revisionOf = async (example: Example): Promise<number> =>
  (await json(example, "status")).document.revision as number;

describe("an organisation as init makes it", () => {
  test("every operation is one command, and every one has a rehearsal that writes nothing", async (t) => {
    const example = await createOrganisation(t);
    const file = join(example.folder, "a.txt");
    writeFileSync(file, "a");
    const verbs: (readonly string[])[] = [
      ["key", "rotate", "timestamp"],
      ["key", "rotate", "snapshot"],
      ["key", "add", "root,targets", "new:root-4"],
      ["threshold", "root,targets", "3"],
      ["threshold", "root,targets", "2"],
      ["key", "replace", "root,targets", "root-1"],
      ["key", "remove", "root,targets", "root-2"],
      ["resign"],
      ["publish", file, "--path", "apps/a.txt"],
      ["delegate", "apps", "--path", "apps/*", "--key", "new:apps"],
      ["publish", file, "--path", "apps/b.txt", "--role", "apps"],
      ["key", "rotate", "apps"],
      ["recover", "apps"],
      ["revoke", "apps"],
      ["unpublish", "apps/a.txt"],
      ["publish", file, "--path", "b.txt"],
      ["rebin", "16", "--key", "new:bins"],
      ["publish", file, "--path", "c.txt"],
      ["key", "rotate", "bins"],
      ["rebin", "1"],
      ["recover", "timestamp"],
      ["recover", "snapshot"],
      ["recover", "targets", "--key", "root-3"],
      ["recover", "root", "--key", "root-4", "--lost"],
    ];
    let before = await revisionOf(example);
    for (const verb of verbs) {
      const keys = readdirSync(join(example.organisation, "keys"));
      const rehearsal = await json(example, ...verb, "--dry-run");
      assert.equal(rehearsal.code, 0, `${verb.join(" ")}: ${JSON.stringify(rehearsal.document)}`);
      assert.deepEqual(
        rehearsal.document.clients.map(({ problem }: { problem?: object }) => problem),
        [undefined, undefined, undefined],
      );
      assert.deepEqual(readdirSync(join(example.organisation, "keys")), keys);
      const done = await json(example, ...verb);
      assert.equal(done.code, 0, `${verb.join(" ")}: ${JSON.stringify(done.document)}`);
      // One commit since the last one: the rehearsal made none.
      assert.equal(done.document.revision, ++before, verb.join(" "));
    }
    // All that has happened is followed from the very first root.
    const mirror = await example.run("tuf", "verify-mirror");
    assert.equal(mirror.code, 0, mirror.stderr);
    assert.match(mirror.stdout, /^ {2}root +1\d /m);
    const log = await json(example, "log");
    assert.equal(log.document.events.length, verbs.length + 1);
  });

  test("what no consumer could read is not published", async (t) => {
    const example = await createOrganisation(t);
    const file = join(example.folder, "wrong.json");
    writeFileSync(file, "{}");
    for (const path of [
      "trusted_root.json",
      "signing_config.v0.2.json",
      "policy.json",
      "exceptions.json",
      "builders.json",
      "projects/hello/expectations.json",
      "projects/hello/root.layout",
      "projects/hello/layout-keys.json",
    ]) {
      const { code, document } = await json(example, "publish", file, "--path", path);
      assert.deepEqual([code, document.error.code], [1, "tuf/content-unreadable"], path);
    }
    assert.equal(await revisionOf(example), 1);
    const { code } = await example.run("tuf", "download", "policy.json", "--mirror", await mirrorOf(example));
    assert.equal(code, 0);
    const policy = JSON.parse(readFileSync(join(example.project, "policy.json"), "utf8"));
    writeFileSync(file, JSON.stringify({ ...policy, version: 2 }));
    const changed = await json(example, "publish", file, "--path", "policy.json");
    assert.equal(changed.code, 0, changed.stderr);
    assert.match(changed.document.documents[0].changes.join(), /~ target policy\.json/);
  });

  test("what locks out, what is unknown and what is asked for wrongly is said, with what to do", async (t) => {
    const example = await createOrganisation(t);
    const cases: (readonly [readonly string[], number, RegExp])[] = [
      [["threshold", "root", "4"], 1, /nobody could ever sign it again.*\n.*next: add a key first: .*key add root/],
      [["threshold", "nothing", "1"], 2, /there is no role nothing/],
      [["rebin", "1"], 2, /there are no bins/],
      [["rebin", "3"], 2, /tuf\/bins-count/],
      [["delegate", "team", "--path", ""], 2, /which targets team may sign/],
      [
        ["publish", "hello.pipeline.yaml", "--role", "snapshot"],
        2,
        /no role that targets are published into.*\n.*--role is one of targets/,
      ],
      [["verify-mirror", "--at", "tomorrow"], 2, /--at tomorrow is no time/],
      [["key", "remove", "timestamp", "timestamp"], 1, /no key: nobody could ever sign.*\n.*next: .*replace/],
      [["key", "add", "root", "nobody"], 1, /neither a file nor somebody who was invited.*\n.*\n.*next: /],
      [["key", "remove", "root", "nobody"], 1, /no key is called nobody.*\n.*next: the keys are root-1/],
      [
        ["recover", "root", "--key", "root-1", "--key", "root-2"],
        1,
        /no client can tell it from yours.*\n.*--new-root/,
      ],
      [["sign"], 2, /there is no proposal/],
      [["publish", "nowhere.txt"], 2, /there is no file/],
      [["status", "--dir", "nowhere"], 2, /no organisation in nowhere.*\n.*next: /],
      [["key", "turn", "root"], 2, /unknown command 'turn'/],
    ];
    for (const [args, code, said] of cases) {
      const ran = await example.run("tuf", ...args);
      assert.equal(ran.code, code, `${args.join(" ")}: ${ran.stdout}${ran.stderr}`);
      assert.match(ran.stderr, said);
    }
    assert.equal(await revisionOf(example), 1);
    assert(!existsSync(join(example.project, "nowhere")));
  });

  test("as many root keys as the threshold stolen: a new repository, and a root to be handed out", async (t) => {
    const example = await createOrganisation(t);
    const folder = join(example.folder, "new");
    const stolen = ["--key", "root-1", "--key", "root-2", "--new-root", folder];
    const made = await json(example, "recover", "root", ...stolen);
    assert.equal(made.code, 0, JSON.stringify(made.document));
    const verified = await run(["tuf", "verify-mirror", "--dir", folder], { cwd: example.folder });
    assert.equal(verified.code, 0, verified.stderr);
    assert.match(verified.stdout, /8 targets/);
    const old = await run(
      ["tuf", "verify-mirror", "--dir", folder, "--root", join(example.organisation, "root.json")],
      { cwd: example.folder },
    );
    assert.equal(old.code, 1, "the old root is worth nothing there");
  });
});

describe("what is easily got wrong", () => {
  const snapshotOf = (folder: string): string[] => {
    if (!existsSync(folder)) return [];
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
    const paths = entries.map((each) => join(each.parentPath, each.name)).toSorted();
    return paths.map((path) => `${path} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`);
  };

  test("rehearsing a ceremony writes nothing, before it has begun, while it waits, and when it is complete", async () => {
    const folder = temporaryFolder();
    const place = { cwd: folder };
    const ceremony = (...args: readonly string[]) => run(["tuf", "ceremony", "--dir", "org", ...args], place);
    const answers = ["--root-threshold", "1", "--targets-keys", "new:bob", "--targets-threshold", "1"];
    const untouched = async (said: RegExp, ...args: readonly string[]) => {
      const before = snapshotOf(folder);
      const ran = await ceremony(...args, "--dry-run");
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stdout, said);
      assert.deepEqual(snapshotOf(folder), before);
    };
    await untouched(/a fresh client follows/, "--root-keys", "new:bob", ...answers);
    await untouched(/would wait for the keys of alice/, "--root-keys", "alice,new:bob", ...answers);
    assert(!existsSync(join(folder, "org")));
    assert.equal((await ceremony("--root-keys", "alice,new:bob", ...answers)).code, 1);
    await untouched(/would wait for the keys of alice/);
    const status = await run(["tuf", "status", "--dir", "org"], place);
    assert.equal(status.code, 1, status.stderr);
    assert.match(status.stdout, /waits for the key of alice[^]*next: sealwright tuf receive/);
    const other = await ceremony("--root-keys", "bob", "--root-threshold", "1");
    assert.equal(other.code, 2);
    assert.match(other.stderr, /--root-keys was alice, bob and is now bob.*\n.*proposals discard/);

    const dry = await run(["tuf", "respond", "alice.invitation.json", "--key", "new:alice.pem", "--dry-run"], place);
    assert.equal(dry.code, 0, dry.stderr);
    assert(!existsSync(join(folder, "alice.pem")));
    writeFileSync(join(folder, "alice.pem"), "");
    const taken = await run(["tuf", "respond", "alice.invitation.json", "--key", "new:alice.pem"], place);
    assert.match(taken.stderr, /is there already.*\n.*next: .*--key alice\.pem/);
    const respond = await run(["tuf", "respond", "alice.invitation.json", "--key", "new:a.pem"], place);
    assert.equal(respond.code, 0, respond.stderr);
    assert.equal((await run(["tuf", "receive", "alice.acceptance.json", "--dir", "org"], place)).code, 0);
    await untouched(/a fresh client follows/);

    // Her key stays with her, so that the first root waits for an answer that then comes twice.
    const strict = (...args: readonly string[]) => run(["tuf", ...args], place);
    const roots = ["--root-keys", "alice2,new:dan", "--root-threshold", "2"];
    const owners = ["--targets-keys", "new:dan", "--targets-threshold", "1"];
    assert.equal((await strict("ceremony", "--dir", "two", ...roots, ...owners)).code, 1);
    assert.equal((await strict("respond", "alice2.invitation.json", "--key", "a.pem")).code, 0);
    assert.equal((await strict("receive", "alice2.acceptance.json", "--dir", "two")).code, 0);
    assert.equal((await strict("ceremony", "--dir", "two")).code, 1);
    const waiting = await strict("status", "--dir", "two");
    assert.equal(waiting.code, 1);
    assert.match(waiting.stdout, /bootstrap [^]*root 1: 1 more of alice2/);
    const asked = readdirSync(folder).find((each) => each.endsWith(".request.json"))!;
    const bare = await strict("respond", asked, "--key", "a.pem", "--root", "two/root.json");
    assert.notEqual(bare.code, 0);
    assert.equal((await strict("respond", asked, "--key", "a.pem", "--yes", "--out", "answer.json")).code, 0);
    assert.equal((await strict("receive", "answer.json", "--dir", "two")).code, 0);
    const twice = await strict("receive", "answer.json", "--dir", "two");
    assert.equal(twice.code, 2);
    assert.match(twice.stderr, /has been carried out already/);

    const discarded = await run(["tuf", "proposals", "discard", "--dir", "org"], place);
    assert.match(discarded.stdout, /the ceremony is abandoned/);
    const again = await ceremony("--root-keys", "new:carol", "--root-threshold", "1", "--targets-keys", "new:carol");
    assert.equal(again.code, 2, again.stdout);
    assert.match(again.stderr, /--targets-threshold/);
    const made = await ceremony("--root-keys", "new:bob", ...answers);
    assert.equal(made.code, 0, made.stderr);
    await untouched(/revision/);
  });

  test("a request is signed only by who says why it is the right one; a waiting one is told by status", async (t) => {
    const example = await createOrganisation(t);
    const stick = join(example.folder, "stick");
    mkdirSync(stick);
    for (const name of ["root-2.pem", "root-3.pem"]) {
      renameSync(join(example.organisation, "keys", name), join(stick, name));
    }
    assert.equal((await example.run("tuf", "resign", "root")).code, 1);
    assert.equal((await example.run("tuf", "status")).code, 1);
    assert.equal((await example.run("tuf", "request", "--out", "ask.json")).code, 0);
    const answer = (...args: readonly string[]) =>
      run(["tuf", "respond", join(example.project, "ask.json"), "--key", join(stick, "root-2.pem"), ...args], {
        cwd: stick,
      });
    const refused = await answer();
    assert.equal(refused.code, 2, refused.stdout);
    assert.match(refused.stderr, /next: give --root FILE.*--expect DIGEST.*--yes/);
    const digits = /root 2 +([0-9a-f ]+)/.exec(refused.stdout)![1]!;
    assert.equal((await answer("--expect", digits)).code, 0);
  });

  test("what is so already changes nothing, and what a key still signs is said", async (t) => {
    const example = await createOrganisation(t);
    const file = join(example.folder, "a.txt");
    writeFileSync(file, "a");
    const verbs: (readonly string[])[] = [
      ["publish", file, "--path", "team/a.txt"],
      ["delegate", "team", "--path", "team/*"],
    ];
    for (const verb of verbs) assert.equal((await example.run("tuf", ...verb)).code, 0);
    const before = await revisionOf(example);
    for (const verb of [...verbs, ["threshold", "root", "2"]]) {
      const { code, document } = await json(example, ...verb);
      assert.deepEqual([code, document.state], [0, "unchanged"], verb.join(" "));
    }
    assert.equal(await revisionOf(example), before);
    const outside = await json(example, "publish", file, "--path", "other.txt", "--role", "team");
    assert.equal(outside.document.error.code, "tuf/target-unreachable");
    assert.match(outside.document.error.message, /its patterns are team\/\*/);
    const other = await json(example, "delegate", "team", "--path", "team/*", "--key", "new:team", "--dry-run");
    assert.match(other.document.notes.join(), /its keys are replaced/);
    const half = await json(example, "key", "replace", "root", "root-1", "--dry-run");
    assert.match(half.document.notes.join(), /root-1 still signs targets; .*key replace targets root-1 --with/);
    assert.doesNotMatch(half.document.notes.join(), /take it away/);
    const whole = await json(example, "key", "replace", "root,targets", "root-1", "--dry-run");
    assert.match(whole.document.notes.join(), /root-1\.pem signs nothing any more/);
  });

  test("new bins have an online key of their own, which can sign them at any time", async (t) => {
    const example = await createOrganisation(t);
    assert.equal((await example.run("tuf", "rebin", "4")).code, 0);
    assert(existsSync(join(example.organisation, "keys", "bins.pem")));
    const status = await json(example, "status");
    const bins = status.document.roles.find(({ role }: { role: string }) => role === "bins");
    assert.deepEqual([bins.automatic, bins.keys[0].name], [true, "bins"]);
    assert.equal((await example.run("tuf", "resign", "bins")).code, 0);
    assert.equal((await example.run("tuf", "key", "rotate", "bins")).code, 0);
    assert(existsSync(join(example.organisation, "keys", "bins-2.pem")));
  });
});

async function mirrorOf(example: Example): Promise<string> {
  const folder = join(example.folder, "mirror");
  assert.equal((await example.run("tuf", "export", folder)).code, 0);
  return folder;
}

describe("mirrors", () => {
  test("a mirror is exported, carried as an archive, imported, and read without a server", async (t) => {
    const example = await createOrganisation(t);
    const [archive, folder] = [join(example.folder, "mirror.tar"), join(example.folder, "imported")];
    const root = join(example.organisation, "root.json");
    const place = { cwd: example.folder };
    assert.equal((await example.run("tuf", "export", archive)).code, 0);
    const elsewhere = (...args: readonly string[]) => run(["tuf", ...args, "--root", root], place);
    assert.equal((await elsewhere("verify-mirror", archive)).code, 0);
    assert.equal((await elsewhere("import", archive, folder)).code, 0);
    assert.equal((await elsewhere("refresh", "--mirror", folder)).code, 0);
    const got = await elsewhere("download", "policy.json", "--mirror", folder, "--out", "got");
    assert.equal(got.code, 0, got.stderr);
    assert(existsSync(join(example.folder, "got", "policy.json")));
    const late = await elsewhere("verify-mirror", folder, "--at", "2099-01-01T00:00:00Z");
    assert.equal(late.code, 1);
    assert.match(late.stderr, /expired/);
    const file = await elsewhere("refresh", "--mirror", archive);
    assert.equal(file.code, 2);
    assert.match(file.stderr, /next: import it first/);
    const rootless = await run(["tuf", "import", archive, "other"], place);
    assert.equal(rootless.code, 2);
    assert.match(rootless.stderr, /no root to start from.*\n.*next: give --root/);
    const target = readdirSync(join(folder, "targets"))[0]!;
    writeFileSync(join(folder, "targets", target), "changed");
    assert.equal((await elsewhere("verify-mirror", folder)).code, 1);
  });
});

describe("three machines without a network", () => {
  test("keys are invited, a change is signed by files, and the transcript tells all of it", async (t) => {
    const example = await createOrganisation(t);
    // Each owner takes a key away, and a fourth is invited.
    const machines = ["one", "two", "three", "dave"].map((name) => join(example.folder, name));
    for (const [at, folder] of machines.entries()) {
      mkdirSync(folder);
      if (at > 2) continue;
      renameSync(join(example.organisation, "keys", `root-${at + 1}.pem`), join(folder, "key.pem"));
    }
    const [one, two, , dave] = machines as [string, string, string, string];
    const root = join(example.organisation, "root.json");
    const on = async (folder: string, ...args: readonly string[]) => {
      const ran = await run(["tuf", ...args], { cwd: folder });
      return { ...ran, said: `${ran.stdout}${ran.stderr}` };
    };
    const carry = (from: string, to: string, pattern: RegExp): string => {
      const name = readdirSync(from).find((each) => pattern.test(each));
      assert(name !== undefined, readdirSync(from).join());
      cpSync(join(from, name), join(to, name));
      return name;
    };
    assert.equal((await example.run("tuf", "invite", "dave")).code, 0);
    carry(example.project, dave, /invitation/);
    const accepted = await on(dave, "respond", "dave.invitation.json", "--key", "new:dave.pem");
    assert.equal(accepted.code, 0, accepted.said);
    carry(dave, example.project, /acceptance/);
    const received = await example.run("tuf", "receive", "dave.acceptance.json");
    // Both sides see the same digits.
    const digits = /your key +(.*)/.exec(accepted.stdout)![1]!;
    assert(received.stdout.includes(digits), received.stdout);

    const proposed = await example.run("tuf", "key", "add", "root,targets", "dave");
    assert.equal(proposed.code, 1, proposed.stdout);
    assert.match(proposed.stdout, /waits for signatures; nothing has changed for clients yet/);
    assert.equal((await example.run("tuf", "request", "--out", "ask.request.json")).code, 0);
    for (const folder of [two, one]) carry(example.project, folder, /ask\.request/);
    const wrong = await on(
      dave,
      "respond",
      join(one, "ask.request.json"),
      "--key",
      "dave.pem",
      "--expect",
      "00".repeat(16),
    );
    assert.equal(wrong.code, 1, wrong.said);
    for (const [folder, code] of [
      [two, 1],
      [one, 0],
    ] as const) {
      const signed = await on(
        folder,
        "respond",
        "ask.request.json",
        "--key",
        "key.pem",
        "--root",
        root,
        "--out",
        "answer.json",
      );
      assert.equal(signed.code, 0, signed.said);
      assert.match(signed.stdout, /\+ root: key dave/);
      const taken = await example.run("tuf", "receive", join(folder, "answer.json"));
      assert.equal(taken.code, code, taken.stdout + taken.stderr);
    }
    const again = await example.run("tuf", "receive", join(one, "answer.json"));
    assert.equal(again.code, 2, again.stderr);
    const { document } = await json(example, "log");
    const last = document.events.at(-1);
    const transcript = await example.run("tuf", "log", String(last.event.proposal));
    for (const line of [/signed elsewhere by root-2/, /signed elsewhere by root-1/, /root 2 {2}sha256 [0-9a-f]{64}/]) {
      assert.match(transcript.stdout, line);
    }
    assert.equal((await example.run("tuf", "verify-mirror")).code, 0);
  });

  test("a key on a stick signs without the repository knowing where it is", async (t) => {
    const example = await createOrganisation(t);
    const stick = join(example.folder, "stick");
    mkdirSync(stick);
    for (const name of ["root-2.pem", "root-3.pem"]) {
      renameSync(join(example.organisation, "keys", name), join(stick, name));
    }
    assert.equal((await example.run("tuf", "resign", "root")).code, 1);
    const status = await json(example, "status");
    assert.match(status.document.proposals[0].missing[0], /1 more of root-2.*, root-3/);
    assert.equal((await example.run("tuf", "sign", "--key", join(stick, "root-3.pem"))).code, 0);
  });
});

describe("a ceremony at a terminal", () => {
  const answering = (folder: string, answers: readonly string[], ...args: readonly string[]) =>
    new Promise<{ code: number | null; said: string }>((done) => {
      const command = [process.execPath, mainFile, "tuf", "ceremony", "--dir", "org", ...args]
        .map((each) => `'${each}'`)
        .join(" ");
      const env = { ...cleanEnvironment(folder), NO_COLOR: "1", TERM: "dumb" };
      const child = spawn("script", ["-qec", command, "/dev/null"], { cwd: folder, env, stdio: "pipe" });
      let said = "";
      let answered = -1;
      const rest = [...answers];
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        // A line that has not ended and ends in a blank is a question; each is answered once.
        const plain = said.replaceAll(/\u001b\[\d*[A-Z]/g, "");
        const line = plain.slice(plain.lastIndexOf("\n") + 1);
        if (!line.endsWith(" ") || plain.length - line.length === answered) return;
        answered = plain.length - line.length;
        child.stdin.write(`${rest.shift() ?? ""}\n`);
      });
      child.once("close", (code) => done({ code, said }));
    });

  test("asks, invites, stops, goes on where it was, and makes the root that was agreed upon", async (t) => {
    const probe = spawnSync("script", ["-qec", "true", "/dev/null"], { stdio: "ignore" });
    if (probe.error !== undefined || probe.status !== 0) return t.skip("skipped: no `script` of util-linux");
    const folder = temporaryFolder();
    const place = { cwd: folder };
    const first = await answering(folder, ["alice,new:bob,new:carol", "2", "new:bob", "1", ""]);
    assert.equal(first.code, 1, first.said);
    assert.match(first.said, /waits for the keys of alice/);
    assert.equal((await run(["tuf", "respond", "alice.invitation.json", "--key", "new:alice.pem"], place)).code, 0);
    // The second sitting takes the answer in and finishes with the keys that are here.
    const second = await answering(folder, ["alice.acceptance.json"], "--transcript", "transcript.txt");
    assert.equal(second.code, 0, second.said);
    assert.match(second.said, /the root is in org\/root\.json/);
    assert.equal((await run(["tuf", "verify-mirror", "--dir", "org"], place)).code, 0);
    const transcript = readFileSync(join(folder, "transcript.txt"), "utf8");
    for (const line of [
      /ceremony root 2 of alice, bob, carol/,
      /invite alice/,
      /accept alice/,
      /transcript of bootstrap/,
      /~ root: threshold 2 of 3/,
      /targets 1 {2}sha256 [0-9a-f]{64}/,
      /root 1 {2}carol/,
    ]) {
      assert.match(transcript, line);
    }
    // With a repository it asks what is to be done, shows a rehearsal, and asks again.
    const third = await answering(folder, ["threshold", "root", "1", "y"]);
    assert.equal(third.code, 0, third.said);
    assert.match(third.said, /rehearsal: nothing has been written[^]*done: published/);
    const declined = await answering(folder, ["threshold", "root", "2", "n"]);
    assert.equal(declined.code, 2, declined.said);
    assert.match(declined.said, /nothing has changed/);
  });

  test("all answers can be given by options", async () => {
    const folder = temporaryFolder();
    const args = [
      "--root-keys",
      "new:a,new:b,new:c",
      "--root-threshold",
      "2",
      "--targets-keys",
      "new:a",
      "--targets-threshold",
      "1",
    ];
    const made = await run(["tuf", "ceremony", "--dir", "org", "--output", "json", ...args], { cwd: folder });
    assert.equal(made.code, 0, made.stderr);
    assert.equal(JSON.parse(made.stdout).state, "applied");
    assert.equal((await run(["tuf", "status", "--dir", "org"], { cwd: folder })).code, 0);
  });
});
