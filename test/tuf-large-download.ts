// A process that downloads one large target, started by a test: URL ROOT_FILE NOW_MS FOLDER. Prints, as JSON, what of
// its memory was in use at most, and whether a file of before was kept.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createHttpFetcher } from "../src/io/tuf-http.ts";
import { createTargetSink } from "../src/io/tuf-target.ts";
import { createMemoryStore, update } from "../src/tuf/index.ts";

const [url = "", root = "", now = "", folder = ""] = process.argv.slice(2);
const client = await update({
  bootstrap: readFileSync(root),
  fetcher: createHttpFetcher(url),
  store: createMemoryStore(),
  now: Number(now),
});
const target = await client.findTarget("large");
if (target === undefined) throw new Error("not found");
const beforeKib = process.resourceUsage().maxRSS;
const { kept } = await client.downloadTo(target, createTargetSink(join(folder), "large"));
process.stdout.write(JSON.stringify({ kept, grownMib: (process.resourceUsage().maxRSS - beforeKib) / 1024 }));
