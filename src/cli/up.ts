// `up` on a terminal: serves until it is told to stop.

import { Problem } from "../core/index.ts";
import type { Output } from "./output.ts";
import type { UpOptions } from "./program.ts";
import type { UpVerbWorld } from "./world.ts";

/** Exit code 0 once it was told to stop. Problems `organisation/*`, `server/*`, `io/locked`, `tlog/store-corrupt`. */
export async function upVerb(options: UpOptions, world: UpVerbWorld, out: Output): Promise<number> {
  const organisation = await world.organisation(options.dir);
  const address = new URL(organisation.url);
  const usual = address.protocol === "https:" ? undefined : Number(address.port === "" ? "80" : address.port);
  const port = options.port ?? usual;
  if (port === undefined) {
    throw new Problem(
      "cli/usage",
      `${organisation.url} is served by a proxy with a certificate: say which port it forwards to with --port`,
    );
  }
  const serving = await world.serve(options.dir, options.host, port);
  // Before it is told: who reads that it serves may end it at once.
  const interrupted = world.interrupted();
  out.line(`${organisation.name} serves ${organisation.url} on ${serving.url}`);
  out.line("  certificates, log, timestamps, TUF, tokens' keys and decisions; stop it with Ctrl-C");
  out.document({ serving: serving.url, url: organisation.url });
  await interrupted;
  await serving.close();
  return 0;
}
