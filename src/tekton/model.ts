// The Tekton v1 objects as this area uses them, after parse.ts has refused what it does not know or cannot do.
// Names are those of tektoncd/pipeline pkg/apis/pipeline/v1.

import type { JsonObject } from "../core/index.ts";

export type ParamType = "string" | "array" | "object";
/** The value of a param or a result: text, a list of texts, or named texts. */
export type ParamValue = string | readonly string[] | { readonly [key: string]: string };

export interface ParamSpec {
  readonly name: string;
  readonly type: ParamType;
  /** The keys of an object param; empty for the other types. */
  readonly properties: readonly string[];
  readonly default?: ParamValue;
}

export interface Param {
  readonly name: string;
  readonly value: ParamValue;
}

export interface EnvVar {
  readonly name: string;
  readonly value: string;
}

export interface ResultSpec {
  readonly name: string;
  readonly type: ParamType;
}

export type OnError = "continue" | "stopAndFail";

/** A step with its stepTemplate merged in; texts still hold their variables. */
export interface Step {
  readonly name?: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args: readonly string[];
  readonly script?: string;
  readonly workingDir?: string;
  readonly env: readonly EnvVar[];
  readonly timeoutMs?: number;
  /** An OnError, or a variable that stands for one. */
  readonly onError: string;
}

export interface WorkspaceDeclaration {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly: boolean;
  readonly optional: boolean;
}

export interface TaskSpec {
  readonly params: readonly ParamSpec[];
  readonly steps: readonly Step[];
  readonly results: readonly ResultSpec[];
  readonly workspaces: readonly WorkspaceDeclaration[];
}

export interface WhenExpression {
  readonly input: string;
  readonly operator: "in" | "notin";
  readonly values: readonly string[];
}

/** A reference by name to a document of the same set, or the specification in place. */
export type Referenced<T> =
  | { readonly kind: "ref"; readonly name: string }
  | { readonly kind: "spec"; readonly spec: T };

export interface PipelineTask {
  readonly name: string;
  readonly task: Referenced<TaskSpec>;
  readonly when: readonly WhenExpression[];
  readonly retries: number;
  readonly runAfter: readonly string[];
  readonly params: readonly Param[];
  readonly workspaces: readonly { readonly name: string; readonly workspace: string; readonly subPath?: string }[];
  readonly timeoutMs?: number;
  readonly onError: OnError;
}

export interface PipelineSpec {
  readonly params: readonly ParamSpec[];
  readonly tasks: readonly PipelineTask[];
  readonly finally: readonly PipelineTask[];
  readonly workspaces: readonly { readonly name: string; readonly optional: boolean }[];
  readonly results: readonly Param[];
}

export type WorkspaceSource =
  | { readonly kind: "emptyDir" }
  | { readonly kind: "volumeClaimTemplate" }
  | { readonly kind: "persistentVolumeClaim"; readonly claimName: string; readonly readOnly: boolean };

export interface WorkspaceBinding {
  readonly name: string;
  readonly source: WorkspaceSource;
  readonly subPath?: string;
}

/** Milliseconds; 0 is no limit. Each is undefined where the document says nothing. */
export interface Timeouts {
  readonly pipelineMs?: number;
  readonly tasksMs?: number;
  readonly finallyMs?: number;
}

export interface PipelineRun {
  readonly name?: string;
  readonly generateName?: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly pipeline: Referenced<PipelineSpec>;
  readonly params: readonly Param[];
  readonly workspaces: readonly WorkspaceBinding[];
  readonly timeouts: Timeouts;
  /** Timeouts of single tasks, of `taskRunSpecs`. */
  readonly taskTimeouts: ReadonlyMap<string, number>;
  /** The whole `spec` as it was written, for provenance. */
  readonly spec: JsonObject;
}

/** What one YAML text holds. `notes` are the paths of fields that have no meaning outside a cluster and were ignored. */
export interface Documents {
  readonly tasks: ReadonlyMap<string, TaskSpec>;
  readonly pipelines: ReadonlyMap<string, PipelineSpec>;
  readonly pipelineRuns: readonly PipelineRun[];
  readonly notes: readonly string[];
}
