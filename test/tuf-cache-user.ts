// A process that updates over a cache it shares with others: started by tests, many at once.
//   CACHE URL ROOT_FILE NOW_MS ROUNDS      updates that often, looks the target `file` up, prints `done`
//   CACHE                                  locks the cache, prints `locked`, and stays

import { readFileSync } from "node:fs";
import { waitForFolder } from "../src/io/folder-wait.ts";
import { createHttpFetcher } from "../src/io/tuf-http.ts";
import { createFileStore } from "../src/io/tuf-store.ts";
import { update } from "../src/tuf/index.ts";

const [cache = "", url, root = "", now = "", rounds = ""] = process.argv.slice(2);
if (url === undefined) {
  await waitForFolder(cache, { waitMs: 10_000, hint: "" });
  process.stdout.write("locked\n");
  setInterval(() => undefined, 1000);
} else {
  for (let round = 0; round < Number(rounds); round++) {
    const client = await update({
      bootstrap: readFileSync(root),
      fetcher: createHttpFetcher(url),
      store: createFileStore(cache),
      now: Number(now),
    });
    const target = await client.findTarget("file");
    if (target === undefined || (await client.download(target)).length !== 7) throw new Error("not found");
  }
  process.stdout.write("done\n");
}
