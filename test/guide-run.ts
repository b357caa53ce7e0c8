// Running a guide: each of its commands is a test, in the order of the page.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { type GuideBlock, type GuideCommand, guideBlocks } from "./guide-blocks.ts";
import { freePort, mainFile, startCommand, type Started, temporaryFolder } from "./program.ts";

const guidePort = "8765";

/** Registers a test for each command of the guide, in a home of its own; inside `describe`, as it runs before and after. */
export function runGuide(name: string): readonly GuideBlock[] {
  const home = realpathSync(temporaryFolder());
  const state = join(home, ".state");
  const path = `${join(home, "bin")}${delimiter}${process.env["PATH"] ?? ""}`;
  const background: Started[] = [];
  let port = guidePort;
  const here = (text: string): string => text.replaceAll(guidePort, port);

  before(async () => {
    port = String(await freePort());
    mkdirSync(join(home, "bin"));
    for (const [program, file] of [
      ["sealwright", mainFile],
      ["sealwright-git-x509", join(dirname(mainFile), "git-x509.js")],
    ] as const) {
      const shim = join(home, "bin", program);
      writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${file}' "$@"\n`);
      chmodSync(shim, 0o755);
    }
    writeFileSync(state, `cd '${home}'\n`);
  });

  after(async () => {
    for (const each of background) assert.equal((await each.end("SIGINT")).code, 0, "Ctrl-C ends it well");
  });

  /** Each command has a shell of its own; folder and variables are handed on in a file. */
  const shell = (command: string, last: string): Started =>
    startCommand("/bin/sh", ["-c", `. '${state}'\n${last}${command}\n`], {
      cwd: home,
      env: { HOME: home, PATH: path },
    });
  const remember = `trap '{ export -p; echo "cd \\"$PWD\\""; } > "${state}.new"; mv "${state}.new" "${state}"' EXIT\n`;

  const blocks = guideBlocks(name);
  for (const [at, block] of blocks.entries()) {
    const next = blocks[at + 1];
    const lines = next?.kind === "output" ? next.lines : [];
    if (block.kind === "file") {
      test(`the file ${block.path}`, () => {
        const folder = /^cd ["']?(.*?)["']?$/m.exec(readFileSync(state, "utf8"))?.[1] ?? home;
        const target = resolve(folder, block.path);
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, block.text);
      });
    }
    if (block.kind !== "commands") continue;
    for (const [index, { text, exitCode }] of block.commands.entries()) {
      test(text, async () => {
        if (block.background) {
          const started = shell(`exec ${here(text)}`, "");
          background.push(started);
          for (const line of lines) await started.until(here(line));
          return;
        }
        const { code, stdout, stderr } = await shell(here(text), remember).ended;
        assert.equal(code, exitCode, `${stdout}${stderr}`);
        if (index === block.commands.length - 1) assertPrinted(`${stdout}${stderr}`, lines.map(here));
      });
    }
  }
  return blocks;
}

export function commandsOf(blocks: readonly GuideBlock[]): readonly GuideCommand[] {
  return blocks.flatMap((block) => (block.kind === "commands" ? block.commands : []));
}

/** Every line, in this order, others between them. */
function assertPrinted(printed: string, lines: readonly string[]): void {
  const rest = printed.split("\n");
  for (const line of lines) {
    const parts = line.split("…").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const wanted = new RegExp(`^${parts.join(".+")}$`);
    const at = rest.findIndex((each) => wanted.test(each));
    assert(at >= 0, `the guide says it prints\n${line}\nbut it prints\n${printed}`);
    rest.splice(0, at + 1);
  }
}
