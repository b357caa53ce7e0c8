// Requests to services: a deadline, a bound on what is read, no redirect, http and https alone.

import { Problem } from "../core/index.ts";

export interface HttpReply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** Reads a response body of at most `maxBytes`, and gives up the connection beyond. Problem `io/too-large`. */
export async function readBody(response: Response, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  if (response.body === null) return new Uint8Array();
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > maxBytes) throw new Problem("io/too-large", `${response.url} sent more than ${maxBytes} bytes`);
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** One request, one reply of any status. Problems `io/unreachable`, `io/too-large`, `io/url`. */
export async function request(what: HttpRequest): Promise<HttpReply> {
  if (!URL.canParse(what.url) || !/^https?:$/.test(new URL(what.url).protocol)) {
    throw new Problem("io/url", `${what.url.slice(0, 200)} is not an http or https address`);
  }
  try {
    const response = await fetch(what.url, {
      method: what.method,
      redirect: "error",
      signal: AbortSignal.timeout(what.timeoutMs),
      ...(what.headers === undefined ? {} : { headers: what.headers }),
      ...(what.body === undefined ? {} : { body: what.body as Uint8Array<ArrayBuffer> }),
    });
    return {
      status: response.status,
      headers: new Map(response.headers),
      body: await readBody(response, what.maxBytes),
    };
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem("io/unreachable", `no answer from ${what.url}`, {
      cause,
      hint: "is the service running, and is the address right?",
    });
  }
}
