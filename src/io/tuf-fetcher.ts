// How a TUF client reaches a repository: over HTTP, or in a folder that mirrors one.

import { join } from "node:path";
import { Problem } from "../core/index.ts";
import type { TufFetcher } from "../tuf/index.ts";
import { readIfThere } from "./files.ts";
import { readBody } from "./http.ts";

const defaultTimeoutMs = 60_000;
const maxRedirects = 5;

export interface HttpFetcherOptions {
  /** For one file, from the request to the last byte, so that a slow mirror cannot hold a client. */
  readonly timeoutMs?: number;
  /** Object stores whose listing is closed answer 403 for what is not there. */
  readonly forbiddenIsMissing?: boolean;
}

/**
 * Reads below a base URL. Redirects are followed within the origin alone. Status 404 means not there; any other but
 * 200 is a failure. Problems `io/url`, `io/unreachable`, `io/redirect`, `io/status`, `io/too-large`.
 */
export function createHttpFetcher(baseUrl: string, options: HttpFetcherOptions = {}): TufFetcher {
  const base = URL.canParse(baseUrl) ? new URL(baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol) || base.search !== "" || base.hash !== "") {
    throw new Problem("io/url", `${baseUrl.slice(0, 200)} is not the http or https address of a folder`);
  }
  return { fetch: (path, maxBytes) => fetchFile(base, path, maxBytes, options) };
}

async function fetchFile(
  base: URL,
  path: string,
  maxBytes: number,
  { timeoutMs = defaultTimeoutMs, forbiddenIsMissing = false }: HttpFetcherOptions,
): Promise<Uint8Array | undefined> {
  // Concatenated and not resolved: a path is never to replace a part of the base.
  const url = new URL(base.href + path);
  try {
    const response = await follow(url, AbortSignal.timeout(timeoutMs));
    if (response.status === 200) return await readBody(response, maxBytes);
    await response.body?.cancel();
    if (response.status === 404 || (forbiddenIsMissing && response.status === 403)) return undefined;
    throw new Problem("io/status", `${url.href} answered with status ${response.status}`);
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem("io/unreachable", `${url.href} could not be read`, {
      cause,
      hint: "is `sealwright up` running there? --mirror names another address, or a folder",
    });
  }
}

async function follow(start: URL, signal: AbortSignal): Promise<Response> {
  let url = start;
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    // Identity: what is counted is what was sent.
    const headers = { "accept-encoding": "identity" };
    const response = await fetch(url, { redirect: "manual", signal, headers });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (next?.origin !== start.origin) throw new Problem("io/redirect", `${url.href} leads to another host`);
    url = next;
  }
  throw new Problem("io/redirect", `${start.href} is redirected more than ${maxRedirects} times`);
}

/** Reads a mirror in a folder. Problems `io/read`, `io/too-large`. */
export function createFolderFetcher(folder: string): TufFetcher {
  return {
    fetch: async (path, maxBytes) => {
      const segments = path.split("/").map(decodeSegment);
      return segments.includes(undefined) ? undefined : readIfThere(join(folder, ...(segments as string[])), maxBytes);
    },
  };
}

/** The plain name that a segment of a URL stands for; undefined for one that would be more than a name. */
function decodeSegment(segment: string): string | undefined {
  let name;
  try {
    name = decodeURIComponent(segment);
  } catch {
    return undefined;
  }
  return name === "" || name === "." || name === ".." || /[/\\\u0000]/.test(name) ? undefined : name;
}
