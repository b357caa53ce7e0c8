// A port for an application: loopback unless told otherwise, bounded in headers and time, closed without cutting answers.

import { serve, type ServerType } from "@hono/node-server";
import type { Hono } from "hono";
import { Problem } from "../core/index.ts";

export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Stops taking requests, lets those under way end, and resolves when the port is free. */
  close(): Promise<void>;
}

const requestTimeoutMs = 30_000;
const idleTimeoutMs = 30_000;
const maxConnections = 2000;
const headersTimeoutMs = 10_000;

/** Problem `server/port-taken`, `server/listen`. Port 0 lets the system choose. */
export async function listen(app: Hono, host: string, port: number): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const server: ServerType = serve(
      { fetch: app.fetch, hostname: host, port, overrideGlobalObjects: false },
      (address) => {
        resolve({
          url: `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`,
          port: address.port,
          close: () =>
            new Promise((done) => {
              server.close(() => done());
              if ("closeIdleConnections" in server) server.closeIdleConnections();
            }),
        });
      },
    );
    if ("requestTimeout" in server) {
      server.requestTimeout = requestTimeoutMs;
      server.headersTimeout = headersTimeoutMs;
      server.maxHeadersCount = 100;
      // Who neither sends nor reads is let go.
      server.setTimeout(idleTimeoutMs);
      server.maxConnections = maxConnections;
    }
    server.on("error", (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === "EADDRINUSE";
      reject(
        new Problem(taken ? "server/port-taken" : "server/listen", `cannot listen on ${host}:${port}`, {
          cause,
          ...(taken ? { hint: "another program holds this port: choose another with --port" } : {}),
        }),
      );
    });
  });
}
