export { evaluate, noExceptions } from "./evaluate.ts";
export { explain, remediesOf } from "./explain.ts";
export {
  noFacts,
  type AdvisoryDataFact,
  type DependenciesFact,
  type Fact,
  type Facts,
  type FindingFact,
  type FindingsFact,
  type LayoutFact,
  type ProvenanceFact,
  type Refusal,
  type SignatureFact,
} from "./facts.ts";
export type {
  Decision,
  Exception,
  ExceptionSet,
  ExceptionUse,
  Policy,
  Reason,
  ReasonOutcome,
  Rule,
  RuleKind,
  RuleOf,
  Signer,
  Source,
} from "./model.ts";
export { parsePolicy, policyDigest, ruleKinds } from "./parse.ts";
export { parseExceptions } from "./parse-exceptions.ts";
