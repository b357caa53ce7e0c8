// Several places that should serve the same files. Nothing about a mirror is trusted but that its answers pass the
// checks: the first whose answer does is taken, and one that is slow, gone, behind or lying is passed over. One that
// failed is asked last from then on, so that it is waited for once and not for every file.

import { demand, isProblem } from "../core/index.ts";
import type { TufFetcher } from "./session.ts";

export class Mirrors {
  private order: readonly TufFetcher[];

  constructor(fetchers: readonly TufFetcher[]) {
    demand(fetchers.length > 0, "tuf/no-mirror", "there is no mirror to read from");
    this.order = [...fetchers];
  }

  /**
   * What `attempt` returns for the first mirror for which it returns something and throws no Problem. Undefined when no
   * mirror has the file. The first Problem when all fail, or when some fail and the others do not have the file; unless
   * the file may be missing (`isOptional`): then it is missing as soon as one mirror that answers as it should says so.
   */
  async take<T>(
    attempt: (mirror: TufFetcher) => Promise<T | undefined>,
    { isOptional = false }: { readonly isOptional?: boolean } = {},
  ): Promise<T | undefined> {
    let failure: unknown;
    let isMissing = false;
    for (const mirror of this.order) {
      try {
        const taken = await attempt(mirror);
        if (taken !== undefined) return taken;
        isMissing = true;
      } catch (problem) {
        if (!isProblem(problem)) throw problem;
        failure ??= problem;
        this.order = [...this.order.filter((each) => each !== mirror), mirror];
      }
    }
    if (failure !== undefined && !(isOptional && isMissing)) throw failure;
    return undefined;
  }
}
