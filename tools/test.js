// Runs every test beside the sources and in test/, and ends with the line `N passed, N failed, N skipped`.
// Names of files or folders as arguments narrow the run.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, sep } from "node:path";

const root = join(import.meta.dirname, "..");

function tests(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return tests(path);
    return entry.name.endsWith(".test.ts") ? [path] : [];
  });
}

const wanted = process.argv.slice(2);
const files = [...tests("src"), ...tests("test")].filter(
  (file) => wanted.length === 0 || wanted.some((each) => file.startsWith(each.split("/").join(sep))),
);
if (files.length === 0) {
  console.error("no test matches");
  process.exit(1);
}
const run = spawnSync(
  process.execPath,
  [
    "--import",
    "tsx",
    "--test",
    // No test takes a minute; one that hangs must not hang the run.
    "--test-timeout=180000",
    "--test-reporter",
    join(root, "tools", "reporter.js"),
    "--test-reporter-destination",
    "stdout",
    ...files,
  ],
  { cwd: root, stdio: "inherit" },
);
process.exit(run.status ?? 1);
