import { describe, expect, it } from "vitest";
import { Kasal, type KasalError, type WatchedEvent, type WatchState } from "../src/index.ts";
import { broken, delta, event, failure, json, server, stream } from "./server.ts";

const END = event(4, "execution_complete", { result: "done" });

async function all(events: AsyncIterable<WatchedEvent>): Promise<string[]> {
  const seen: string[] = [];
  for await (const each of events) seen.push(each.type === "text_delta" ? each.text : String(each.seq));
  return seen;
}

describe("a watched job", () => {
  it("ends with its last event", async () => {
    const { url, received } = await server(stream([event(1), event(2), event(3), END], "open"));
    expect(await all(new Kasal({ baseUrl: url }).watch("job_1"))).toEqual(["1", "2", "3", "4"]);
    expect(received[0]).toMatchObject({ path: "/api/v1/executions/job_1/events" });
    expect(received[0]?.query.get("after_seq")).toBe("0");
  });

  it("goes on after its last event through broken connections, and shows none twice", async () => {
    const { url, received } = await server(
      stream([event(1), event(2)], "break"),
      broken(),
      stream([event(2), event(3)], "end"),
      stream([END]),
    );
    expect(await all(new Kasal({ baseUrl: url }).watch("job_1"))).toEqual(["1", "2", "3", "4"]);
    expect(received.map(({ query }) => query.get("after_seq"))).toEqual(["0", "2", "2", "3"]);
  });

  it("asks again for what is missing", async () => {
    const { url, received } = await server(
      stream([event(1), event(3), END], "open"),
      stream([event(2), event(3), END]),
    );
    expect(await all(new Kasal({ baseUrl: url }).watch("job_1"))).toEqual(["1", "2", "3", "4"]);
    expect(received[1]?.query.get("after_seq")).toBe("1");
  });

  it("begins where the caller wants, and ends at once if that was the last event", async () => {
    const { url, received } = await server(json(204));
    expect(await all(new Kasal({ baseUrl: url }).watch("job_1", { afterSeq: 4 }))).toEqual([]);
    expect(received[0]?.query.get("after_seq")).toBe("4");
  });

  it("reads events in any pieces, with comments between them", async () => {
    const text = `: hello\n\n${event(1)}${event(2)}${event(3)}${END}`.replaceAll("\n", "\r\n");
    const bytes = Buffer.from(text.replace('"progress"', '"progress","current_task":"Tee ☕ und é"'));
    const { url } = await server(async (_, response) => {
      response.writeHead(200);
      for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7));
      response.end();
    });
    const events: WatchedEvent[] = [];
    for await (const each of new Kasal({ baseUrl: url }).watch("job_1")) events.push(each);
    expect(events).toHaveLength(4);
    expect(events[0]).toMatchObject({ current_task: "Tee ☕ und é" });
  });

  it("yields the text while it is written, if the caller wants it", async () => {
    const { url, received } = await server(
      stream([event(1), delta(0, "Tea "), delta(4, "grows"), event(2), event(3), END]),
    );
    expect(await all(new Kasal({ baseUrl: url }).watch("job_1", { deltas: true }))).toEqual([
      "1",
      "Tea ",
      "grows",
      "2",
      "3",
      "4",
    ]);
    expect(received[0]?.query.get("deltas")).toBe("true");
  });

  it("says when it waits to connect again", async () => {
    const states: WatchState["state"][] = [];
    const { url } = await server(
      stream([event(1)], "break"),
      failure(503, "SERVICE_UNAVAILABLE", { "Retry-After": "0" }),
      stream([event(2), event(3), END]),
    );
    await all(new Kasal({ baseUrl: url }).watch("job_1", { onState: ({ state }) => states.push(state) }));
    expect(states).toEqual(["connecting", "open", "waiting", "connecting", "waiting", "connecting", "open"]);
  });

  it("fails for a job that is not there", async () => {
    const { url, received } = await server(failure(404, "NOT_FOUND"));
    await expect(all(new Kasal({ baseUrl: url }).watch("job_1"))).rejects.toMatchObject({ status: 404 });
    expect(received).toHaveLength(1);
  });

  it("takes another token when its own was refused", async () => {
    const { url, received } = await server(failure(401, "UNAUTHORIZED"), stream([event(1), event(2), event(3), END]));
    const kasal = new Kasal({ baseUrl: url, token: (refused) => (refused ? "new" : "old") });
    expect(await all(kasal.watch("job_1"))).toHaveLength(4);
    expect(received[1]?.headers.authorization).toBe("Bearer new");
  });

  it("ends when its caller wants that, while it is open and while it waits", async () => {
    const open = await server(stream([event(1)], "open"));
    const stop = new AbortController();
    const watching = new Kasal({ baseUrl: open.url }).watch("job_1", { signal: stop.signal });
    expect((await watching.next()).value).toMatchObject({ seq: 1 });
    stop.abort(new Error("enough"));
    await expect(watching.next()).rejects.toThrow("enough");

    const down = await server(failure(503, "SERVICE_UNAVAILABLE", { "Retry-After": "3600" }));
    const patience = new AbortController();
    const onState = ({ state }: WatchState) => state === "waiting" && patience.abort(new Error("long enough"));
    await expect(
      all(new Kasal({ baseUrl: down.url }).watch("job_1", { signal: patience.signal, onState })),
    ).rejects.toThrow("long enough");
  });

  it("lets go of the connection when its caller stops reading", async () => {
    let closed: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const { url } = await server((received, response) => {
      response.on("close", closed);
      return stream([event(1)], "open")(received, response) as Promise<void>;
    });
    for await (const _ of new Kasal({ baseUrl: url }).watch("job_1")) break;
    await gone;
  });

  it("does not keep a message without an end", async () => {
    const { url, received } = await server(
      stream([`data: ${"x".repeat(9 * 1024 * 1024)}`], "open"),
      stream([event(1), event(2), event(3), END]),
    );
    const causes: KasalError[] = [];
    const onState = (state: WatchState) => void (state.state === "waiting" && causes.push(state.cause));
    expect(await all(new Kasal({ baseUrl: url }).watch("job_1", { onState }))).toHaveLength(4);
    expect(received).toHaveLength(2);
    expect(causes[0]?.cause).toBeInstanceOf(RangeError);
  });
});
