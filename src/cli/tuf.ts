// The sub-verbs of `tuf` by name.

import { Problem } from "../core/index.ts";
import type { ExitCode } from "./output.ts";
import { ceremonyVerb } from "./tuf-ceremony.ts";
import * as change from "./tuf-change.ts";
import { downloadVerb, exportVerb, importVerb, refreshVerb, verifyMirrorVerb } from "./tuf-client.ts";
import { inviteVerb, proposalsVerb, receiveVerb, requestVerb, respondVerb, signVerb } from "./tuf-exchange.ts";
import { newRootVerb } from "./tuf-new-root.ts";
import { logVerb, statusVerb } from "./tuf-status.ts";
import type { TufCall } from "./tuf-world.ts";

const verbs: Readonly<Record<string, (call: TufCall) => Promise<ExitCode>>> = {
  status: statusVerb,
  log: logVerb,
  publish: change.publishVerb,
  unpublish: change.unpublishVerb,
  delegate: change.delegate,
  revoke: change.revoke,
  rebin: change.rebin,
  "key add": change.keyAdd,
  "key remove": change.keyRemove,
  "key replace": change.keyReplace,
  "key rotate": change.keyRotate,
  threshold: change.threshold,
  resign: change.resignVerb,
  recover: (call) => {
    const { newRoot } = call.options;
    return newRoot === undefined ? change.recoverVerb(call) : newRootVerb(call, newRoot);
  },
  ceremony: ceremonyVerb,
  invite: inviteVerb,
  request: requestVerb,
  respond: respondVerb,
  receive: receiveVerb,
  sign: signVerb,
  proposals: proposalsVerb,
  refresh: refreshVerb,
  download: downloadVerb,
  "verify-mirror": verifyMirrorVerb,
  export: exportVerb,
  import: importVerb,
};

/** Exit code 0: done, or all is well. 1: it waits for somebody, or something needs one. Problems as of each verb. */
export async function tufVerb(name: string, call: TufCall): Promise<number> {
  const verb = verbs[name];
  if (verb === undefined) throw new Problem("cli/usage", `there is no verb tuf ${name}`);
  return verb(call);
}
