// Which fields each object of the v1 API has (the swagger of tektoncd/pipeline v1) and what is done with each:
// "read" is used; "ignored" has no meaning outside a cluster and is noted; "unsupported" is refused by name, never
// dropped in silence; another shape's name, with [] for a list of it, is looked into.

import { isJsonObject, type Json, Problem } from "../core/index.ts";

const podTemplate = {
  nodeSelector: "ignored",
  tolerations: "ignored",
  affinity: "ignored",
  schedulerName: "ignored",
  priorityClassName: "ignored",
  topologySpreadConstraints: "ignored",
  runtimeClassName: "ignored",
  imagePullSecrets: "ignored",
  automountServiceAccountToken: "ignored",
  enableServiceLinks: "ignored",
  env: "unsupported",
  securityContext: "unsupported",
  volumes: "unsupported",
  dnsPolicy: "unsupported",
  dnsConfig: "unsupported",
  hostNetwork: "unsupported",
  hostAliases: "unsupported",
  hostUsers: "unsupported",
} as const;

const container = {
  image: "read",
  command: "read",
  args: "read",
  workingDir: "read",
  env: "EnvVar[]",
  envFrom: "unsupported",
  computeResources: "ignored",
  imagePullPolicy: "ignored",
  securityContext: "SecurityContext",
  volumeDevices: "unsupported",
  volumeMounts: "unsupported",
} as const;

const taskSpec = {
  params: "ParamSpec[]",
  displayName: "read",
  description: "read",
  steps: "Step[]",
  stepTemplate: "StepTemplate",
  results: "TaskResult[]",
  workspaces: "WorkspaceDeclaration[]",
  volumes: "unsupported",
  sidecars: "unsupported",
} as const;

const object = { apiVersion: "read", kind: "read", metadata: "ObjectMeta" } as const;

export const shapes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Task: { ...object, spec: "TaskSpec" },
  Pipeline: { ...object, spec: "PipelineSpec" },
  PipelineRun: { ...object, spec: "PipelineRunSpec", status: "ignored" },
  ObjectMeta: {
    name: "read",
    generateName: "read",
    labels: "read",
    annotations: "read",
    namespace: "ignored",
    uid: "ignored",
    resourceVersion: "ignored",
    generation: "ignored",
    creationTimestamp: "ignored",
    managedFields: "ignored",
    selfLink: "ignored",
    ownerReferences: "ignored",
    finalizers: "ignored",
  },
  TaskSpec: taskSpec,
  EmbeddedTask: {
    ...taskSpec,
    metadata: "ignored",
    apiVersion: "unsupported",
    kind: "unsupported",
    spec: "unsupported",
  },
  ParamSpec: {
    name: "read",
    type: "read",
    description: "read",
    properties: "read",
    default: "read",
    enum: "unsupported",
  },
  Param: { name: "read", value: "read" },
  TaskResult: { name: "read", type: "read", description: "read", properties: "read", value: "unsupported" },
  PipelineResult: { name: "read", type: "read", description: "read", value: "read" },
  EnvVar: { name: "read", value: "read", valueFrom: "unsupported" },
  WorkspaceDeclaration: {
    name: "read",
    description: "read",
    mountPath: "read",
    readOnly: "read",
    optional: "read",
  },
  PipelineWorkspaceDeclaration: { name: "read", description: "read", optional: "read" },
  WorkspacePipelineTaskBinding: { name: "read", workspace: "read", subPath: "read" },
  WorkspaceBinding: {
    name: "read",
    subPath: "read",
    emptyDir: "EmptyDir",
    persistentVolumeClaim: "PersistentVolumeClaim",
    volumeClaimTemplate: "ignored",
    configMap: "unsupported",
    secret: "unsupported",
    projected: "unsupported",
    csi: "unsupported",
  },
  EmptyDir: { medium: "ignored", sizeLimit: "ignored" },
  PersistentVolumeClaim: { claimName: "read", readOnly: "read" },
  StepTemplate: container,
  Step: {
    ...container,
    name: "read",
    displayName: "read",
    script: "read",
    timeout: "read",
    onError: "read",
    ref: "unsupported",
    params: "unsupported",
    results: "unsupported",
    when: "unsupported",
    workspaces: "unsupported",
    stdoutConfig: "unsupported",
    stderrConfig: "unsupported",
  },
  // What the sandbox gives anyway may be asked for; parse.ts compares the values.
  SecurityContext: {
    runAsNonRoot: "read",
    runAsUser: "read",
    runAsGroup: "read",
    privileged: "read",
    allowPrivilegeEscalation: "read",
    readOnlyRootFilesystem: "read",
    capabilities: "read",
    seccompProfile: "unsupported",
    appArmorProfile: "unsupported",
    procMount: "unsupported",
    seLinuxOptions: "unsupported",
    windowsOptions: "unsupported",
    fsGroup: "unsupported",
    fsGroupChangePolicy: "unsupported",
    supplementalGroups: "unsupported",
    supplementalGroupsPolicy: "unsupported",
    sysctls: "unsupported",
    seLinuxChangePolicy: "unsupported",
  },
  WhenExpression: { input: "read", operator: "read", values: "read", cel: "unsupported" },
  TaskRef: {
    name: "read",
    kind: "read",
    apiVersion: "read",
    bundle: "unsupported",
    resolver: "unsupported",
    params: "unsupported",
  },
  PipelineRef: {
    name: "read",
    apiVersion: "read",
    bundle: "unsupported",
    resolver: "unsupported",
    params: "unsupported",
  },
  PipelineTask: {
    name: "read",
    displayName: "read",
    description: "read",
    taskRef: "TaskRef",
    taskSpec: "EmbeddedTask",
    when: "WhenExpression[]",
    retries: "read",
    runAfter: "read",
    params: "Param[]",
    workspaces: "WorkspacePipelineTaskBinding[]",
    timeout: "read",
    onError: "read",
    matrix: "unsupported",
    pipelineRef: "unsupported",
    pipelineSpec: "unsupported",
  },
  PipelineSpec: {
    displayName: "read",
    description: "read",
    tasks: "PipelineTask[]",
    finally: "PipelineTask[]",
    params: "ParamSpec[]",
    workspaces: "PipelineWorkspaceDeclaration[]",
    results: "PipelineResult[]",
  },
  PipelineRunSpec: {
    pipelineRef: "PipelineRef",
    pipelineSpec: "PipelineSpec",
    params: "Param[]",
    workspaces: "WorkspaceBinding[]",
    timeouts: "TimeoutFields",
    taskRunTemplate: "PipelineTaskRunTemplate",
    taskRunSpecs: "PipelineTaskRunSpec[]",
    status: "unsupported",
    managedBy: "unsupported",
  },
  TimeoutFields: { pipeline: "read", tasks: "read", finally: "read" },
  PipelineTaskRunTemplate: { serviceAccountName: "ignored", podTemplate: "PodTemplate" },
  PipelineTaskRunSpec: {
    pipelineTaskName: "read",
    timeout: "read",
    serviceAccountName: "ignored",
    podTemplate: "PodTemplate",
    stepSpecs: "ignored",
    sidecarSpecs: "ignored",
    metadata: "ignored",
    computeResources: "ignored",
  },
  PodTemplate: podTemplate,
};

/**
 * Walks a value by its shape. Paths of ignored fields go to `notes`.
 * Problems `tekton/unknown-field` (the API has no such field), `tekton/unsupported` (it has, this engine not), each
 * with the path; `tekton/invalid` where an object or list was expected.
 */
export function checkShape(value: Json, shape: string, path: string, notes: string[]): void {
  if (!isJsonObject(value)) throw new Problem("tekton/invalid", `${path} is not an object`);
  const fields = shapes[shape]!;
  for (const [name, each] of Object.entries(value)) {
    const at = `${path}.${name}`;
    const rule = Object.hasOwn(fields, name) ? fields[name]! : undefined;
    if (rule === undefined) throw new Problem("tekton/unknown-field", `${at} is not a field of ${shape}`);
    if (rule === "unsupported") throw new Problem("tekton/unsupported", `${at} is not supported`);
    if (rule === "ignored") notes.push(at);
    else if (rule.endsWith("[]")) checkList(each, rule.slice(0, -2), at, notes);
    else if (rule !== "read") checkShape(each, rule, at, notes);
  }
}

function checkList(value: Json, shape: string, path: string, notes: string[]): void {
  if (!Array.isArray(value)) throw new Problem("tekton/invalid", `${path} is not a list`);
  value.forEach((item: Json, index) => checkShape(item, shape, `${path}[${index}]`, notes));
}
