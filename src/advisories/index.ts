export { createAdvisoryIndex, type AdvisoryIndex } from "./match.ts";
export type {
  Advisory,
  Affected,
  AffectedRange,
  EventKind,
  Exploited,
  ExploitedCatalog,
  Finding,
  Match,
  RangeEvent,
  RangeType,
  Severity,
  Unanswered,
} from "./model.ts";
export { parseAdvisory, parseAdvisorySet } from "./parse.ts";
export { parseExploitedCatalog } from "./parse-exploited.ts";
