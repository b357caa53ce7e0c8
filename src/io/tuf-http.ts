// A TUF repository over HTTP. By node:http and not by fetch: it loads in a third of the time, undoes no content
// encoding, so that what is counted is what was sent, and gives pieces as they come.

import { Agent, get, type IncomingMessage, type RequestOptions } from "node:http";
import { Problem } from "../core/index.ts";
import type { TufFetcher } from "../tuf/index.ts";

const maxRedirects = 5;

export interface HttpFetcherOptions {
  /** For one file, from the request to the last byte; a file that goes to disk has in addition the time that its size takes at the least rate. */
  readonly timeoutMs?: number;
  /** Less than this, over `rateWindowMs`, is too slow: waiting for a file to begin counts. */
  readonly minBytesPerSecond?: number;
  readonly rateWindowMs?: number;
  /** Object stores whose listing is closed answer 403 for what is not there. */
  readonly forbiddenIsMissing?: boolean;
}

type Settings = Required<HttpFetcherOptions>;
const defaults: Settings = {
  timeoutMs: 60_000,
  minBytesPerSecond: 1000,
  rateWindowMs: 15_000,
  forbiddenIsMissing: false,
};

/**
 * Reads below a base URL. Redirects are followed within the origin alone. Status 404 means not there; any other but
 * 200 is a failure. Problems `io/url`, `io/unreachable`, `io/slow`, `io/redirect`, `io/status`, `io/too-large`, `io/encoding`.
 */
export function createHttpFetcher(baseUrl: string, options: HttpFetcherOptions = {}): TufFetcher {
  const base = URL.canParse(baseUrl) ? new URL(baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol) || base.search !== "" || base.hash !== "") {
    throw new Problem("io/url", `${baseUrl.slice(0, 200)} is not the http or https address of a folder`);
  }
  const origin = new Origin(base, { ...defaults, ...options });
  return {
    fetch: async (path, maxBytes) => {
      const download = await origin.open(path, maxBytes, 0);
      return download === undefined ? undefined : download.whole();
    },
    open: async (path, maxBytes) => (await origin.open(path, maxBytes, maxBytes))?.pieces(),
  };
}

class Origin {
  private agent: Agent | undefined;

  constructor(
    private readonly base: URL,
    private readonly settings: Settings,
  ) {}

  /** The file from its first byte on; undefined when it is not there. `slackBytes` prolongs the deadline. */
  async open(path: string, maxBytes: number, slackBytes: number): Promise<Download | undefined> {
    // Concatenated and not resolved: a path is never to replace a part of the base.
    const url = new URL(this.base.href + path);
    const watch = new Watch(url, this.settings, slackBytes);
    try {
      const response = await this.follow(url, watch);
      const { statusCode: status } = response;
      if (status === 200) return new Download(response, watch, url, maxBytes);
      response.resume();
      watch.end();
      if (status === 404 || (this.settings.forbiddenIsMissing && status === 403)) return undefined;
      throw new Problem("io/status", `${url.href} answered with status ${status}`);
    } catch (cause) {
      watch.end();
      throw asProblem(watch.fault ?? cause, url);
    }
  }

  private async follow(start: URL, watch: Watch): Promise<IncomingMessage> {
    let url = start;
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const response = await this.request(url, watch);
      const { location } = response.headers;
      const status = response.statusCode ?? 0;
      if (status < 300 || status > 399 || location === undefined) return response;
      response.resume();
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      if (next?.origin !== start.origin) throw new Problem("io/redirect", `${url.href} leads to another host`);
      url = next;
    }
    throw new Problem("io/redirect", `${start.href} is redirected more than ${maxRedirects} times`);
  }

  private async request(url: URL, watch: Watch): Promise<IncomingMessage> {
    const isSecure = url.protocol === "https:";
    // TLS takes time to load: only when it is spoken.
    const https = isSecure ? await import("node:https") : undefined;
    this.agent ??= new (https?.Agent ?? Agent)({ keepAlive: true, maxSockets: 16 });
    const options: RequestOptions = {
      agent: this.agent,
      signal: watch.signal,
      headers: { "accept-encoding": "identity", "user-agent": "sealwright" },
    };
    return new Promise((resolve, reject) => {
      (https?.get ?? get)(url, options, resolve).on("error", reject);
    });
  }
}

function asProblem(cause: unknown, url: URL): Problem {
  if (cause instanceof Problem) return cause;
  return new Problem("io/unreachable", `${url.href} could not be read`, {
    cause,
    hint: "is `sealwright up` running there? --mirror names another address, or a folder",
  });
}

/** The deadline and the least rate of one file. */
class Watch {
  private readonly controller = new AbortController();
  private readonly deadline: NodeJS.Timeout;
  private readonly rate: NodeJS.Timeout;
  private seenBytes = 0;
  private isOver = false;
  /** Why it was given up, if it was. */
  fault: Problem | undefined;

  constructor(url: URL, { timeoutMs, minBytesPerSecond, rateWindowMs }: Settings, slackBytes: number) {
    const totalMs = timeoutMs + (slackBytes / minBytesPerSecond) * 1000;
    this.deadline = setTimeout(
      () => this.giveUp(new Problem("io/unreachable", `${url.href} took longer than ${totalMs} ms`)),
      Math.min(totalMs, 2 ** 31 - 1),
    );
    const leastBytes = (minBytesPerSecond * rateWindowMs) / 1000;
    const judge = (): void => {
      if (this.seenBytes < leastBytes)
        this.giveUp(new Problem("io/slow", `${url.href} sent less than ${minBytesPerSecond} bytes a second`));
      this.seenBytes = 0;
    };
    // What has arrived while this process was busy with something else is counted first.
    this.rate = setInterval(() => setImmediate(judge), rateWindowMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  count(bytes: number): void {
    this.seenBytes += bytes;
  }

  end(): void {
    this.isOver = true;
    clearTimeout(this.deadline);
    clearInterval(this.rate);
  }

  private giveUp(fault: Problem): void {
    if (this.isOver) return;
    this.fault = fault;
    this.end();
    this.controller.abort(fault);
  }
}

/** A body on its way. */
class Download {
  constructor(
    private readonly response: IncomingMessage,
    private readonly watch: Watch,
    private readonly url: URL,
    private readonly maxBytes: number,
  ) {
    const encoding = response.headers["content-encoding"] ?? "identity";
    const length = response.headers["content-length"];
    const fault =
      encoding !== "identity"
        ? new Problem("io/encoding", `${url.href} is sent as ${encoding}, which was not asked for`)
        : length !== undefined && Number(length) > maxBytes
          ? this.tooLarge()
          : undefined;
    if (fault !== undefined) this.drop(fault);
  }

  async whole(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    try {
      for await (const part of this.pieces()) parts.push(part);
    } catch (cause) {
      throw asProblem(cause, this.url);
    }
    return new Uint8Array(Buffer.concat(parts));
  }

  async *pieces(): AsyncGenerator<Uint8Array> {
    let size = 0;
    try {
      for await (const part of this.response as AsyncIterable<Uint8Array>) {
        size += part.length;
        this.watch.count(part.length);
        if (size > this.maxBytes) throw this.tooLarge();
        yield part;
      }
      if (!this.response.complete) throw new Error("the connection ended in the middle");
    } catch (cause) {
      throw asProblem(this.watch.fault ?? cause, this.url);
    } finally {
      this.watch.end();
      // What was not read to its end is given up with its connection.
      if (!this.response.complete) this.response.destroy();
    }
  }

  private tooLarge(): Problem {
    return new Problem("io/too-large", `${this.url.href} sent more than ${this.maxBytes} bytes`);
  }

  private drop(fault: Problem): never {
    this.watch.end();
    this.response.destroy();
    throw fault;
  }
}
