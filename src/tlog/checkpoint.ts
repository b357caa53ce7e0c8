// Checkpoints, C2SP tlog-checkpoint v1.0.0: the text of a note that commits to a tree. Stricter: sizes up to 2^53 - 1.

import { base64, demand, fromBase64, Problem } from "../core/index.ts";
import { hashSize, isCount } from "./merkle.ts";
import type { Checkpoint, NoteSigner } from "./model.ts";
import { signNote } from "./note.ts";

function invalid(why: string, cause?: unknown): Problem {
  return new Problem("tlog/checkpoint-invalid", `checkpoint is not valid: ${why}`, { cause });
}

/** The tree head in the text of a note (`parseNote(...).text`); nothing is verified. Problem `tlog/checkpoint-invalid`. */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith("\n")) throw invalid("it does not end with a newline");
  const [origin = "", size = "", root = "", ...extensions] = text.slice(0, -1).split("\n");
  if (origin === "") throw invalid("it has no origin");
  if (!/^(0|[1-9]\d{0,15})$/.test(size) || !isCount(Number(size))) throw invalid("its size is not a decimal number");
  if (extensions.includes("")) throw invalid("it holds an empty line");
  return { origin, size: Number(size), root: parseRoot(root), extensions };
}

function parseRoot(text: string): Uint8Array {
  try {
    const root = fromBase64(text);
    if (root.length === hashSize) return root;
  } catch (cause) {
    throw invalid("its root hash is not base64", cause);
  }
  throw invalid("its root hash does not have 32 bytes");
}

/** The note text of a tree head. Problem `tlog/checkpoint-invalid` when it would not come out of `parseCheckpoint`. */
export function encodeCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root, extensions } = checkpoint;
  const lines = [origin, String(size), base64(root), ...extensions];
  const isPlain = lines.every((line) => line !== "" && !line.includes("\n")) && isCount(size);
  demand(isPlain && root.length === hashSize, "tlog/checkpoint-invalid", "checkpoint cannot be written");
  return `${lines.join("\n")}\n`;
}

/** The signed note of a tree head. Problems `tlog/checkpoint-invalid` and those of `signNote`. */
export async function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): Promise<string> {
  return signNote(encodeCheckpoint(checkpoint), signers);
}
