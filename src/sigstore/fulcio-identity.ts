// From the claims of a verified identity token to what a certificate will say: sigstore/fulcio docs/oidc.md,
// docs/oid-info.md and config/identity/config.yaml. The token's signature, audience and times are checked elsewhere.
// Narrow: these kinds of issuer; no templates from configuration, no issuer claim of federated providers.

import { demand, isJsonObject, type Json, type JsonObject, Problem } from "../core/index.ts";
import type { SubjectAltName } from "../crypto/index.ts";
import { type ExtensionName, extensionNumbers, type LegacyExtensionName, usernameOid } from "./identity.ts";

/** How the tokens of one issuer are read; part of the certificate authority's configuration. */
export type IssuerKind =
  | { readonly kind: "email"; readonly skipEmailVerification?: boolean }
  | { readonly kind: "uri"; readonly subjectDomain: string }
  | { readonly kind: "spiffe"; readonly trustDomain: string }
  | { readonly kind: "username"; readonly subjectDomain: string }
  | { readonly kind: "kubernetes" }
  | { readonly kind: "github-workflow"; readonly url?: string }
  | { readonly kind: "gitlab-pipeline"; readonly url?: string }
  /** Claims named as the extensions, in snake_case; `build_signer_uri` is the name. What our own builder issues. */
  | { readonly kind: "build" };

export interface CertificateIdentity {
  readonly subjectAlternativeName: SubjectAltName;
  readonly issuer: string;
  /** The token's `sub`, as it stands. */
  readonly subject: string;
  /** What a proof of possession signs. */
  readonly challenge: string;
  readonly extensions: ReadonlyMap<ExtensionName | LegacyExtensionName, string>;
}

const code = "sigstore/claims-invalid";

/** Claims by name; every value is text that a certificate can hold. */
class Claims {
  constructor(private readonly claims: JsonObject) {}

  json(name: string): Json | undefined {
    return Object.hasOwn(this.claims, name) ? this.claims[name] : undefined;
  }

  /** A text, or a whole number in plain digits. */
  optional(name: string): string | undefined {
    const value = this.json(name);
    const text = Number.isSafeInteger(value) ? String(value) : value;
    if (typeof text !== "string" || text === "") return undefined;
    const plain = text.length <= 4096 && !/[\u0000-\u001f\u007f]/.test(text);
    demand(plain, code, `token's claim ${name} is too long or holds a control character`);
    return text;
  }

  text(name: string): string {
    const value = this.optional(name);
    if (value === undefined) throw new Problem(code, `token has no claim ${name}`);
    return value;
  }
}

type Extensions = Partial<Record<ExtensionName | LegacyExtensionName, string | undefined>>;

/** The identity that a certificate for this token is about. Problem `sigstore/claims-invalid`. */
export function identityFromClaims(claims: JsonObject, issuer: IssuerKind): CertificateIdentity {
  const read = new Claims(claims);
  const subject = read.text("sub");
  const iss = read.text("iss");
  const { name, extensions } = nameOf(read, subject, issuer);
  const all: Extensions = { legacyIssuer: iss, issuer: iss, tokenSubject: subject, ...extensions };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return {
    subjectAlternativeName: name,
    issuer: iss,
    subject,
    challenge: issuer.kind === "email" ? name.value : subject,
    extensions: new Map(given as [ExtensionName | LegacyExtensionName, string][]),
  };
}

interface Named {
  readonly name: SubjectAltName;
  readonly extensions?: Extensions;
}

function nameOf(claims: Claims, subject: string, issuer: IssuerKind): Named {
  switch (issuer.kind) {
    case "email":
      return { name: { type: "email", value: email(claims, issuer.skipEmailVerification === true) } };
    case "uri":
      return { name: { type: "uri", value: uriUnder(subject, issuer.subjectDomain) } };
    case "spiffe":
      return { name: { type: "uri", value: uriUnder(subject, `spiffe://${issuer.trustDomain}`) } };
    case "username":
      demand(!/[!@]/.test(subject), code, "token's subject is not a user name");
      return { name: { type: "other", oid: usernameOid, value: `${subject}!${issuer.subjectDomain}` } };
    case "kubernetes":
      return { name: { type: "uri", value: serviceAccount(claims) } };
    case "github-workflow":
      return github(claims, issuer.url ?? "https://github.com");
    case "gitlab-pipeline":
      return gitlab(claims, issuer.url ?? "https://gitlab.com");
    case "build":
      return build(claims);
  }
}

// Some providers write the boolean as a text.
function email(claims: Claims, skipVerification: boolean): string {
  const value = claims.text("email");
  const verified = claims.json("email_verified");
  demand(skipVerification || verified === true || verified === "true", code, "token's e-mail address is not verified");
  demand(/^[^\s@<>,;"]+@[^\s@<>,;"]+$/.test(value), code, "token's e-mail address is not one");
  return value;
}

/** The text, when it is a URI with the scheme and host of `base`. Host names are compared whole. */
function uriUnder(text: string, base: string): string {
  const split = (uri: string): string | undefined =>
    /^([a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+)(?:\/[^\s]*)?$/i.exec(uri)?.[1];
  const origin = split(text);
  demand(origin !== undefined && origin === split(base), code, "token's subject is not a URI of the issuer's domain");
  return text;
}

function serviceAccount(claims: Claims): string {
  const kubernetes = claims.json("kubernetes.io");
  const account = isJsonObject(kubernetes) ? kubernetes["serviceaccount"] : undefined;
  const valid = isJsonObject(kubernetes) && isJsonObject(account);
  demand(valid, code, "token is not of a Kubernetes service account");
  // DNS labels: nothing in them can climb out of its place in the path.
  const label = (value: Json | undefined): string => {
    const good = typeof value === "string" && /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/.test(value);
    demand(good, code, "token's namespace or service account is not a name");
    return value;
  };
  return `https://kubernetes.io/namespaces/${label(kubernetes["namespace"])}/serviceaccounts/${label(account["name"])}`;
}

function join(base: string, ...parts: readonly (string | undefined)[]): string | undefined {
  return parts.every((part) => part !== undefined) ? [base, ...parts].join("/") : undefined;
}

function github(claims: Claims, url: string): Named {
  const get = (name: string): string | undefined => claims.optional(name);
  const signer = `${url}/${claims.text("job_workflow_ref")}`;
  return {
    name: { type: "uri", value: signer },
    extensions: {
      githubWorkflowTrigger: get("event_name"),
      githubWorkflowSha: get("sha"),
      githubWorkflowName: get("workflow"),
      githubWorkflowRepository: get("repository"),
      githubWorkflowRef: get("ref"),
      buildSignerUri: signer,
      buildSignerDigest: get("job_workflow_sha"),
      runnerEnvironment: get("runner_environment"),
      sourceRepositoryUri: join(url, get("repository")),
      sourceRepositoryDigest: get("sha"),
      sourceRepositoryRef: get("ref"),
      sourceRepositoryIdentifier: get("repository_id"),
      sourceRepositoryOwnerUri: join(url, get("repository_owner")),
      sourceRepositoryOwnerIdentifier: get("repository_owner_id"),
      buildConfigUri: join(url, get("workflow_ref")),
      buildConfigDigest: get("workflow_sha"),
      buildTrigger: get("event_name"),
      runInvocationUri: join(url, get("repository"), "actions/runs", get("run_id"), "attempts", get("run_attempt")),
      sourceRepositoryVisibility: get("repository_visibility"),
      deploymentEnvironment: get("environment"),
    },
  };
}

function gitlab(claims: Claims, url: string): Named {
  const get = (name: string): string | undefined => claims.optional(name);
  const signer = `https://${claims.text("ci_config_ref_uri")}`;
  const ref = get("ref");
  const folder = get("ref_type") === "tag" ? "tags" : "heads";
  return {
    name: { type: "uri", value: signer },
    extensions: {
      buildSignerUri: signer,
      buildSignerDigest: get("ci_config_sha"),
      runnerEnvironment: get("runner_environment"),
      sourceRepositoryUri: join(url, get("project_path")),
      sourceRepositoryDigest: get("sha"),
      sourceRepositoryRef: ref === undefined ? undefined : `refs/${folder}/${ref}`,
      sourceRepositoryIdentifier: get("project_id"),
      sourceRepositoryOwnerUri: join(url, get("namespace_path")),
      sourceRepositoryOwnerIdentifier: get("namespace_id"),
      buildConfigUri: signer,
      buildConfigDigest: get("ci_config_sha"),
      buildTrigger: get("pipeline_source"),
      runInvocationUri: join(url, get("project_path"), "-/jobs", get("job_id")),
      sourceRepositoryVisibility: get("project_visibility"),
    },
  };
}

function build(claims: Claims): Named {
  const value = claims.text("build_signer_uri");
  demand(/^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(value), code, "token's claim build_signer_uri is not a URI");
  const names = (Object.keys(extensionNumbers) as ExtensionName[]).filter(
    (each) => each !== "issuer" && each !== "tokenSubject",
  );
  const extensions = names.map((name) => [name, claims.optional(snakeCase(name))] as const);
  return { name: { type: "uri", value }, extensions: Object.fromEntries(extensions) };
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
