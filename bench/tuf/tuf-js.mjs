// The peer: tuf-js as it is installed, its limits raised so that nothing fails by size.

import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Updater } from "tuf-js";

const [url, rootFile, path] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "tuf-js-"));
mkdirSync(join(folder, "targets"));
writeFileSync(join(folder, "root.json"), readFileSync(rootFile));
const large = 500_000_000;
const updater = new Updater({
  metadataDir: folder,
  metadataBaseUrl: url.slice(0, -1),
  targetDir: join(folder, "targets"),
  targetBaseUrl: `${url}targets`,
  config: { snapshotMaxLength: large, targetsMaxLength: large, fetchTimeout: 600_000 },
});
await updater.refresh();
const target = await updater.getTargetInfo(path);
const content = readFileSync(await updater.downloadTarget(target));
rmSync(folder, { recursive: true });
process.stdout.write(
  JSON.stringify({ ...process.resourceUsage(), content: createHash("sha256").update(content).digest("hex") }),
);
