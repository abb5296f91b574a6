import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Received {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  body: string;
}

type Handler = (received: Received, response: ServerResponse) => void | Promise<void>;

/** A server that answers its n-th request by the n-th handler, and all further ones by the last. */
export async function server(...handlers: Handler[]): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const http = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://server");
    let body = "";
    for await (const chunk of request) body += chunk;
    const { method = "", headers } = request;
    received.push({ method, path: url.pathname, query: url.searchParams, headers, body });
    await handlers[Math.min(received.length, handlers.length) - 1]?.(received.at(-1)!, response);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    http.closeAllConnections();
    return new Promise((resolve) => http.close(() => resolve()));
  });
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, received };
}

/** Answers with a status and a JSON body. */
export function json(status: number, body?: unknown, headers: Record<string, string> = {}): Handler {
  return (_, response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };
}

export function failure(status: number, code: string, headers: Record<string, string> = {}): Handler {
  return json(
    status,
    { error: { code, message: `It is ${code}.`, details: { field: "x" }, request_id: "req_1" } },
    headers,
  );
}

/** Breaks the connection without an answer. */
export function broken(): Handler {
  return (_, response) => void response.destroy();
}

/** Sends pieces of an event stream, and then ends it, breaks it or leaves it open. */
export function stream(pieces: string[], then: "end" | "break" | "open" = "end"): Handler {
  return async (_, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    for (const piece of pieces) await new Promise<void>((resolve) => void response.write(piece, () => resolve()));
    if (then === "end") response.end();
    if (then === "break") response.destroy();
  };
}

/** An event as it is on the wire. */
export function event(seq: number, type = "progress", more: object = {}): string {
  const data = { type, job_id: "job_1", seq, timestamp: "2026-11-28T05:00:00.000Z", attempt: 1, ...more };
  return `id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

export function delta(offset: number, text: string): string {
  const data = {
    type: "text_delta",
    job_id: "job_1",
    task_id: "task_1",
    agent: "A",
    attempt: 1,
    turn: 1,
    offset,
    text,
  };
  return `event: text_delta\ndata: ${JSON.stringify(data)}\n\n`;
}
