// The guide, read as a program: its fenced blocks in order. ```sh runs, ```sh background runs until the end, ```sh skip
// does not; title="PATH" is a file to make; ```text is part of what the command before it prints, `…` what differs.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export type GuideBlock =
  | { readonly kind: "file"; readonly path: string; readonly text: string }
  | { readonly kind: "commands"; readonly background: boolean; readonly commands: readonly GuideCommand[] }
  | { readonly kind: "output"; readonly lines: readonly string[] };

export interface GuideCommand {
  readonly text: string;
  readonly exitCode: number;
}

/** Of a page of docs/guide, by its name without the ending. */
export function guideBlocks(name = "first-release"): readonly GuideBlock[] {
  const guide = join(import.meta.dirname, "..", "docs", "guide", `${name}.md`);
  return [...readFileSync(guide, "utf8").matchAll(/^```(.+)\n([^]*?)^```$/gm)].flatMap(([, head = "", body = ""]) =>
    block(head, body),
  );
}

function block(head: string, body: string): GuideBlock[] {
  const path = /^\w+ title="([^"]+)"$/.exec(head)?.[1];
  if (path !== undefined) return [{ kind: "file", path, text: body }];
  if (head === "text") return [{ kind: "output", lines: body.trimEnd().split("\n") }];
  if (head === "sh skip") return [];
  if (head !== "sh" && head !== "sh background") throw new Error(`the guide has a block of an unknown kind: ${head}`);
  const commands = body
    .replaceAll("\\\n", "")
    .trimEnd()
    .split("\n")
    .map((line): GuideCommand => {
      const [, text = line, code = "0"] = /^(.*?)\s+# exit (\d+)$/.exec(line) ?? [];
      return { text, exitCode: Number(code) };
    });
  return [{ kind: "commands", background: head === "sh background", commands }];
}
