// `init` on a terminal.

import { initOrganisation, pipelineSteps } from "../flows/index.ts";
import type { Output } from "./output.ts";
import type { InitOptions } from "./program.ts";
import { reportOrganisation } from "./verbs.ts";
import type { InitVerbWorld } from "./world.ts";

const maxFileBytes = 1024 * 1024;

/** Exit code 0; Problems `organisation/*`, `tekton/*`, `build/pipeline*`, `policy/*`, `io/*`. */
export async function initVerb(options: InitOptions, world: InitVerbWorld, out: Output): Promise<number> {
  const repository = await world.repository();
  const project = options.project ?? repository.name;
  const pipeline = await world.readFile(`${repository.top}/${options.pipeline}`, maxFileBytes);
  const policy = options.policy === undefined ? {} : { policy: await world.readFile(options.policy, maxFileBytes) };
  const progress = { step: (name: string, detail: string) => out.progress(`  ${name.padEnd(12)} ${detail}`) };
  const organisation = await initOrganisation(
    {
      name: options.name ?? project,
      url: options.url.replace(/\/+$/, ""),
      project: { name: project, sourceUri: options.source ?? repository.sourceUri, pipelinePath: options.pipeline },
      steps: pipelineSteps(pipeline),
      ...policy,
    },
    await world.openInit(options.dir, progress),
  );
  reportOrganisation(out, organisation, options.dir);
  return 0;
}
