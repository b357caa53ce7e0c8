// How the benchmarks measure: warm up, then rounds, the best of which counts, since what disturbs only ever slows.

export interface Timing {
  readonly name: string;
  /** Microseconds per operation of the best round. */
  readonly us: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface Subject {
  readonly name: string;
  /** Prints its table. */
  run(): Promise<void>;
}

/** Times `run`, called `count` times a round. */
export async function time(name: string, count: number, run: (index: number) => unknown, rounds = 5): Promise<Timing> {
  for (let index = 0; index < Math.min(count, 50); index++) await run(index);
  const each: number[] = [];
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const startMs = performance.now();
    for (let index = 0; index < count; index++) {
      const atMs = performance.now();
      await run(index);
      each.push((performance.now() - atMs) * 1000);
    }
    best = Math.min(best, ((performance.now() - startMs) * 1000) / count);
  }
  return { name, us: best, p50Us: quantile(each, 0.5), p99Us: quantile(each, 0.99) };
}

export function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] ?? 0;
}

/** A table with each row's ratio to the first. */
export function printTimings(title: string, timings: readonly Timing[]): void {
  console.log(`\n${title}`);
  const [base] = timings;
  for (const { name, us, p50Us, p99Us } of timings) {
    const ratio = base === undefined ? 1 : us / base.us;
    console.log(
      `  ${name.padEnd(44)} ${us.toFixed(0).padStart(8)} us  p50 ${p50Us.toFixed(0).padStart(7)}  p99 ${p99Us.toFixed(0).padStart(7)}  ${ratio.toFixed(2)}x`,
    );
  }
}
