// Ours, bundled as the program is: a store of files, an update, a look-up, a download.

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHttpFetcher } from "../../src/io/tuf-http.ts";
import { createFileStore } from "../../src/io/tuf-store.ts";
import { update } from "../../src/tuf/index.ts";

const [url = "", rootFile = "", path = ""] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "tuf-ours-"));
const client = await update({
  bootstrap: readFileSync(rootFile),
  fetcher: createHttpFetcher(url),
  store: createFileStore(folder),
  now: Date.now(),
});
const target = await client.findTarget(path);
if (target === undefined) throw new Error("not found");
const content = await client.download(target);
rmSync(folder, { recursive: true });
process.stdout.write(
  JSON.stringify({ ...process.resourceUsage(), content: createHash("sha256").update(content).digest("hex") }),
);
