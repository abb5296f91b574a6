import { KasalError } from "./errors.ts";
import { backoff, pause } from "./pauses.ts";
import { KEYED_ROUTES } from "./routes.gen.ts";
import type { Answer, Arguments, CommonOptions, Operation, PathsWith, TraceEvent, WatchedEvent } from "./types.ts";
import { type WatchOptions, watched } from "./watch.ts";

export interface KasalSettings {
  /** Where the platform is, such as `http://127.0.0.1:8000`; empty in a page that it serves itself. */
  baseUrl?: string;
  /** Returns an access token or an API key. `refused` is the token that was answered with 401: return another, or none. */
  token?: (refused?: string) => Promise<string | undefined> | string | undefined;
  /** Milliseconds for one try. */
  timeout?: number;
  /** How often a request that may be repeated is sent again. */
  retries?: number;
  fetch?: typeof fetch;
}

/** A request as `send` takes it: the path has its parameters still in braces. */
export interface Request extends CommonOptions {
  path?: object;
  query?: object;
  body?: unknown;
}

const PREFIX = "/api/v1";
/** Seconds that a request waits at most for `Retry-After`; a longer one is the caller's to decide. */
const PATIENCE = 30;
const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** The client of the API. Paths are those of the reference, without `/api/v1`. */
export class Kasal {
  readonly #settings: Required<Omit<KasalSettings, "token">> & Pick<KasalSettings, "token">;

  constructor(settings: KasalSettings = {}) {
    this.#settings = {
      baseUrl: (settings.baseUrl ?? "").replace(/\/+$/, ""),
      timeout: settings.timeout ?? 30_000,
      retries: settings.retries ?? 3,
      fetch: settings.fetch ?? ((input, init) => fetch(input, init)),
      token: settings.token,
    };
  }

  get<P extends PathsWith<"get">>(path: P, ...[options]: Arguments<Operation<P, "get">>) {
    return this.#json<Answer<Operation<P, "get">>>("GET", path, options as Request);
  }

  post<P extends PathsWith<"post">>(path: P, ...[options]: Arguments<Operation<P, "post">>) {
    return this.#json<Answer<Operation<P, "post">>>("POST", path, options as Request);
  }

  put<P extends PathsWith<"put">>(path: P, ...[options]: Arguments<Operation<P, "put">>) {
    return this.#json<Answer<Operation<P, "put">>>("PUT", path, options as Request);
  }

  delete<P extends PathsWith<"delete">>(path: P, ...[options]: Arguments<Operation<P, "delete">>) {
    return this.#json<Answer<Operation<P, "delete">>>("DELETE", path, options as Request);
  }

  /** Yields a job's events, each once and in order, until its last one. It connects again by itself. */
  watch(jobId: string, options: WatchOptions & { deltas: true }): AsyncGenerator<WatchedEvent, void, undefined>;
  watch(jobId: string, options?: WatchOptions): AsyncGenerator<TraceEvent, void, undefined>;
  watch(jobId: string, options: WatchOptions = {}): AsyncGenerator<WatchedEvent, void, undefined> {
    return watched(async (afterSeq, signal) => {
      const query = { after_seq: afterSeq, deltas: options.deltas || undefined };
      const headers = { Accept: "text/event-stream" };
      const request = { path: { job_id: jobId }, query, headers, signal, timeout: 0 };
      const response = await this.#once("GET", "/executions/{job_id}/events", request);
      return response.status === 204 ? null : response.body;
    }, options);
  }

  /** Sends a request and returns its answer as it comes, for bodies that are no JSON. Throws `KasalError`. */
  async send(method: string, path: string, request: Request = {}): Promise<Response> {
    const keyed = method === "POST" && KEYED_ROUTES.has(path);
    const sent = keyed ? { ...request, idempotencyKey: request.idempotencyKey ?? crypto.randomUUID() } : request;
    for (let tries = 0; ; tries++) {
      try {
        return await this.#once(method, path, sent);
      } catch (error) {
        if (!(error instanceof KasalError) || tries >= this.#settings.retries) throw error;
        if (!isWorthwhile(error) || !isSafe(method, keyed, sent, error)) throw error;
        await pause(
          error.retryAfter === undefined ? backoff(tries, 300, 5000) : error.retryAfter * 1000,
          request.signal,
        );
      }
    }
  }

  async #json<T>(method: string, path: string, request: Request = {}): Promise<T> {
    const response = await this.send(method, path, request);
    if (response.status === 204) return undefined as T;
    try {
      return (await response.json()) as T;
    } catch (error) {
      request.signal?.throwIfAborted();
      throw KasalError.unreachable(error); // the answer broke off, or something between here and the platform gave its own
    }
  }

  /** Sends a request once; twice if its token was refused and there is another. */
  async #once(method: string, path: string, request: Request): Promise<Response> {
    const token = await this.#settings.token?.();
    let response = await this.#fetch(method, path, request, token);
    if (response.status === 401 && token) {
      const other = await this.#settings.token?.(token);
      if (other && other !== token) response = await this.#fetch(method, path, request, other);
    }
    if (!response.ok) throw await KasalError.of(response);
    return response;
  }

  async #fetch(method: string, path: string, request: Request, token: string | undefined): Promise<Response> {
    const { body, type } = encoded(request.body);
    const headers = new Headers({ Accept: "application/json", ...request.headers });
    if (type && !headers.has("Content-Type")) headers.set("Content-Type", type);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    if (request.idempotencyKey) headers.set("Idempotency-Key", request.idempotencyKey);
    const { signal, timer } = timed(request.signal, request.timeout ?? this.#settings.timeout);
    try {
      return await this.#settings.fetch(this.#url(path, request), { method, headers, body, signal });
    } catch (error) {
      request.signal?.throwIfAborted();
      throw KasalError.unreachable(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #url(path: string, { path: parts, query }: Request): string {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = (parts as Record<string, unknown> | undefined)?.[name];
      if (value === undefined || value === "") throw new TypeError(`The path ${path} needs ${name}.`);
      return encodeURIComponent(String(value));
    });
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined && value !== null) search.append(name, String(value));
    }
    return `${this.#settings.baseUrl}${PREFIX}${filled}${search.size ? `?${search}` : ""}`;
  }
}

/** Whether the same request may succeed soon. */
function isWorthwhile(error: KasalError): boolean {
  return (error.status === 0 || PASSING.has(error.status)) && (error.retryAfter ?? 0) <= PATIENCE;
}

/** Whether the request may be sent again although it is not known if the first one was carried out. */
function isSafe(method: string, keyed: boolean, request: Request, error: KasalError): boolean {
  if (error.status === 429) return true; // it was refused before anybody looked at it
  if (method === "POST") return keyed || !!request.repeatable;
  const conditional = new Headers(request.headers).has("If-Match");
  return !(conditional && error.status === 0); // it may have been carried out, and would now be answered with 412
}

function encoded(body: unknown): { body?: BodyInit; type?: string } {
  if (body === undefined) return {};
  const asIs = [Blob, ArrayBuffer, FormData, URLSearchParams, ReadableStream].some((kind) => body instanceof kind);
  if (asIs || ArrayBuffer.isView(body) || typeof body === "string") return { body: body as BodyInit };
  return { body: JSON.stringify(body), type: "application/json" };
}

/** The caller's signal, or one that also ends after some milliseconds without an answer's head. */
function timed(signal: AbortSignal | undefined, ms: number) {
  if (!ms) return { signal };
  const clock = new AbortController();
  const timer = setTimeout(() => clock.abort(new DOMException("No answer in time.", "TimeoutError")), ms);
  return { signal: signal ? AbortSignal.any([signal, clock.signal]) : clock.signal, timer };
}
