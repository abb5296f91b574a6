import { describe, expect, it } from "vitest";
import { Kasal, KasalError } from "../src/index.ts";
import { broken, failure, json, server } from "./server.ts";

const accepted = { job_id: "job_1", status: "queued", estimated_duration: 1 };
const start = { body: { crew_id: "crew_1" } };

async function errorOf(promise: Promise<unknown>): Promise<KasalError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KasalError);
  return error as KasalError;
}

describe("a request", () => {
  it("fills its path, its query and its headers", async () => {
    const { url, received } = await server(json(200, { executions: [] }));
    const kasal = new Kasal({ baseUrl: `${url}/`, token: () => "t1" });
    await kasal.get("/executions", { query: { status: "running", page_size: 5, after: undefined } });
    await kasal.get("/crews/{crew_id}", { path: { crew_id: "a/b" } });
    expect(received.map(({ path, query }) => `${path}?${query}`)).toEqual([
      "/api/v1/executions?status=running&page_size=5",
      "/api/v1/crews/a%2Fb?",
    ]);
    expect(received[0]?.headers.authorization).toBe("Bearer t1");
  });

  it("has no answer where there is none", async () => {
    const { url } = await server(json(204));
    expect(await new Kasal({ baseUrl: url }).delete("/crews/{crew_id}", { path: { crew_id: "c" } })).toBeUndefined();
  });

  it("tells an answer that breaks off, or that is none of the platform's", async () => {
    const half = await server((_, response) => {
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "100" });
      response.write('{"id": ');
      setTimeout(() => response.destroy(), 20);
    });
    const page = await server((_, response) => void response.end("<html>Welcome</html>"));
    for (const { url } of [half, page]) {
      const error = await errorOf(new Kasal({ baseUrl: url, retries: 0 }).get("/auth/me"));
      expect(error.code).toBe("NETWORK");
    }
  });

  it("ends when its caller wants that", async () => {
    const { url } = await server(() => undefined);
    const stop = new AbortController();
    const answer = new Kasal({ baseUrl: url }).get("/auth/me", { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(answer).rejects.toThrow("enough");
  });
});

describe("a failure", () => {
  it("says what the platform says", async () => {
    const { url } = await server(failure(400, "VALIDATION_ERROR"));
    const error = await errorOf(new Kasal({ baseUrl: url }).get("/auth/me"));
    expect(error).toMatchObject({ status: 400, code: "VALIDATION_ERROR", message: "It is VALIDATION_ERROR." });
    expect(error).toMatchObject({ requestId: "req_1", details: { field: "x" } });
  });

  it("keeps the status of a proxy's page", async () => {
    const { url } = await server((_, response) => void response.writeHead(418).end("<html>"));
    expect(await errorOf(new Kasal({ baseUrl: url }).get("/auth/me"))).toMatchObject({ status: 418, code: "UNKNOWN" });
  });

  it("tells a dead connection from a late answer", async () => {
    const { url } = await server(broken());
    expect((await errorOf(new Kasal({ baseUrl: url, retries: 0 }).get("/auth/me"))).code).toBe("NETWORK");
    const silent = await server(() => undefined);
    const kasal = new Kasal({ baseUrl: silent.url, retries: 0, timeout: 20 });
    expect((await errorOf(kasal.get("/auth/me"))).code).toBe("TIMEOUT");
  });
});

describe("a new try", () => {
  it("is made for reads, after as long as the platform asks", async () => {
    const { url, received } = await server(
      failure(503, "SERVICE_UNAVAILABLE", { "Retry-After": "0" }),
      broken(),
      json(200, {}),
    );
    await new Kasal({ baseUrl: url }).get("/auth/me");
    expect(received).toHaveLength(3);
  });

  it("is not made if the platform asks for more patience than a caller has", async () => {
    const { url, received } = await server(failure(429, "RATE_LIMIT", { "Retry-After": "600" }));
    expect((await errorOf(new Kasal({ baseUrl: url }).get("/auth/me"))).retryAfter).toBe(600);
    expect(received).toHaveLength(1);
  });

  it("has the same key when something is created", async () => {
    const { url, received } = await server(broken(), json(202, accepted));
    await new Kasal({ baseUrl: url }).post("/executions", start);
    const [first, second] = received.map(({ headers }) => headers["idempotency-key"]);
    expect(first).toMatch(/^[0-9a-f-]{36}$/);
    expect(second).toBe(first);
  });

  it("uses the caller's key", async () => {
    const { url, received } = await server(json(202, accepted));
    await new Kasal({ baseUrl: url }).post("/executions", { ...start, idempotencyKey: "mine" });
    expect(received[0]?.headers["idempotency-key"]).toBe("mine");
  });

  it("is not made for what may have been carried out", async () => {
    const { url, received } = await server(broken());
    const kasal = new Kasal({ baseUrl: url });
    await errorOf(kasal.post("/executions/{job_id}/stop", { path: { job_id: "j" } }));
    const changes = { path: { crew_id: "c" }, body: { name: "n" }, headers: { "If-Match": '"1"' } };
    await errorOf(kasal.put("/crews/{crew_id}", changes));
    expect(received).toHaveLength(2);
  });

  it("is made for a POST that may be repeated", async () => {
    const { url, received } = await server(broken(), json(200, { job_id: "j", status: "running" }));
    const answer = { path: { job_id: "j" }, body: { outcome: "approved" as const }, repeatable: true };
    await new Kasal({ baseUrl: url }).post("/executions/{job_id}/input", answer);
    expect(received).toHaveLength(2);
  });
});

describe("a refused token", () => {
  it("is replaced once", async () => {
    const { url, received } = await server(failure(401, "UNAUTHORIZED"), json(200, {}));
    const kasal = new Kasal({ baseUrl: url, token: (refused) => (refused ? "new" : "old") });
    await kasal.get("/auth/me");
    expect(received.map(({ headers }) => headers.authorization)).toEqual(["Bearer old", "Bearer new"]);
  });

  it("is an error if there is no other", async () => {
    const { url, received } = await server(failure(401, "UNAUTHORIZED"));
    expect((await errorOf(new Kasal({ baseUrl: url, token: () => "old" }).get("/auth/me"))).status).toBe(401);
    expect(received).toHaveLength(1);
  });
});
