// A test reporter that prints what failed and why, what was skipped and why, and one closing line of counts.

export default async function* reporter(source) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const reasons = new Map();
  for await (const event of source) {
    const { type, data } = event;
    if (type === "test:stderr") yield data.message;
    if (type !== "test:pass" && type !== "test:fail") continue;
    // A file or a suite is counted by the tests in it; one that fails to load has no other test.
    if (data.details?.type === "suite") continue;
    if (data.skip !== undefined) {
      counts.skipped++;
      const reason = typeof data.skip === "string" && data.skip !== "" ? data.skip : "no reason given";
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    } else if (type === "test:pass") counts.passed++;
    else {
      counts.failed++;
      const cause = data.details?.error?.cause ?? data.details?.error;
      yield `FAILED ${data.file ?? ""}: ${data.name}\n${cause?.stack ?? String(cause)}\n\n`;
    }
  }
  for (const [reason, count] of reasons) yield `skipped ${count}: ${reason}\n`;
  yield `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
}
