import { vi } from "vitest";

export interface Sent {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
}

type Answer = (sent: Sent) => unknown | Promise<unknown>;

/** Answers of a status other than 200: `new Refusal(409, {code: "CONFLICT"})`. */
export class Refusal {
  readonly status: number;
  readonly error: object;

  constructor(status: number, error: object) {
    this.status = status;
    this.error = error;
  }
}

/** Stands in for the platform: routes such as `GET /questions` and what each answers. Returns what was sent. */
export function platform(routes: Record<string, Answer>): Sent[] {
  const log: Sent[] = [];
  vi.stubGlobal("fetch", async (input: string | URL, init: RequestInit = {}) => {
    const url = new URL(String(input), "http://kasal.test");
    const path = url.pathname.replace(/^\/api\/v1/, "");
    const body = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    const sent = { method: init.method ?? "GET", path, query: url.searchParams, body };
    log.push(sent);
    const route = routes[`${sent.method} ${path}`];
    if (!route)
      return Response.json({ error: { code: "NOT_FOUND", message: `No ${sent.method} ${path}` } }, { status: 404 });
    const answer = await route(sent);
    if (answer instanceof Refusal) return Response.json({ error: answer.error }, { status: answer.status });
    return answer === undefined ? new Response(null, { status: 204 }) : Response.json(answer);
  });
  return log;
}

export const me = {
  id: "usr_1",
  email: "ada@example.com",
  name: "Ada",
  role: "owner",
  workspace: { id: "ws_1", name: "Demo", tier: "free" },
};
