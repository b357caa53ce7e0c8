// One request to HashiCorp Vault or OpenBao: its own certificate authority where VAULT_CACERT names one, a deadline, a
// bound on the answer, no redirect, and no plain HTTP but to this machine, as each request carries the token.

import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { type Json, parseJson, Problem } from "../core/index.ts";

export interface VaultServer {
  /** Without a slash at the end. */
  readonly address: string;
  readonly token: string;
  readonly namespace: string | undefined;
  /** PEM. */
  readonly authorities: string | undefined;
}

export interface VaultReply {
  readonly status: number;
  /** Undefined where the body is no JSON. */
  readonly json: Json | undefined;
}

const maxReplyBytes = 1024 * 1024;
const timeoutMs = 20_000;

/** Problem `keys/service-unreachable`. The token is in no message. */
export function requestVault(server: VaultServer, path: string, body?: Json): Promise<VaultReply> {
  const url = new URL(`${server.address}/v1/${path}`);
  const content = body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body));
  const options = {
    method: content === undefined ? "GET" : "POST",
    headers: {
      "x-vault-token": server.token,
      "x-vault-request": "true",
      ...(server.namespace === undefined ? {} : { "x-vault-namespace": server.namespace }),
      ...(content === undefined ? {} : { "content-type": "application/json", "content-length": content.length }),
    },
    signal: AbortSignal.timeout(timeoutMs),
  };
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(
        new Problem("keys/service-unreachable", `no answer from ${url.origin}`, {
          cause,
          hint: "is VAULT_ADDR right? VAULT_CACERT names the file of a private certificate authority",
        }),
      );
    const secure = url.protocol === "https:";
    const { authorities } = server;
    const sent = secure
      ? httpsRequest(url, { ...options, ...(authorities === undefined ? {} : { ca: authorities }) })
      : httpRequest(url, options);
    sent.on("error", fail);
    sent.on("response", (response) => {
      const parts: Uint8Array[] = [];
      let size = 0;
      response.on("error", fail);
      response.on("data", (part: Uint8Array) => {
        size += part.length;
        if (size > maxReplyBytes) response.destroy(new Error(`more than ${maxReplyBytes} bytes`));
        else parts.push(part);
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, json: readJson(Buffer.concat(parts)) }));
    });
    sent.end(content);
  });
}

function readJson(body: Uint8Array): Json | undefined {
  try {
    return parseJson(new Uint8Array(body), { maxBytes: maxReplyBytes, numbers: "any" });
  } catch {
    return undefined;
  }
}
