import { describe, expect, it } from "vitest";
import { addressOf, filtersOf, goesOn, merged, type Run } from "./model.ts";

const NOW = Date.parse("2026-11-28T12:00:00Z");

function run(id: string, more: Partial<Run> = {}): Run {
  return {
    job_id: id,
    crew_id: "crew_1",
    version: 1,
    status: "completed",
    progress: 100,
    current_task: null,
    created_at: "2026-11-28T11:00:00.000Z",
    started_at: null,
    finished_at: null,
    attempt: 1,
    ...more,
  };
}

describe("filters", () => {
  it("survive the way through the address", () => {
    const filters = { status: "failed", crew: "crew_abc123", since: "day" } as const;
    expect(filtersOf(addressOf(filters).split("?")[1] ?? "")).toEqual(filters);
    expect(addressOf({})).toBe("/runs");
  });

  it("ignore what is none", () => {
    expect(filtersOf("status=odd&crew=../x&since=ever")).toEqual({
      status: undefined,
      crew: undefined,
      since: undefined,
    });
  });
});

describe("a list that is read again", () => {
  it("shows the newest reading of a run, at its place", () => {
    const pages = [run("b", { status: "running" }), run("a")];
    expect(merged(pages, [run("b")], {}, NOW).map(({ job_id, status }) => [job_id, status])).toEqual([
      ["b", "completed"],
      ["a", "completed"],
    ]);
  });

  it("begins with new runs, and takes older ones only from pages", () => {
    const pages = [run("b")];
    const fresh = [
      run("c", { created_at: "2026-11-28T11:30:00.000Z" }),
      run("b"),
      run("0", { created_at: "2026-11-27T00:00:00.000Z" }),
    ];
    expect(merged(pages, fresh, {}, NOW).map(({ job_id }) => job_id)).toEqual(["c", "b"]);
  });

  it("drops what has left the filters", () => {
    const pages = [
      run("b", { status: "running" }),
      run("a", { status: "running", created_at: "2026-11-20T00:00:00Z" }),
    ];
    expect(
      merged(pages, [run("b", { status: "failed" })], { status: "running" }, NOW).map(({ job_id }) => job_id),
    ).toEqual(["a"]);
    expect(merged(pages, [], { since: "day" }, NOW).map(({ job_id }) => job_id)).toEqual(["b"]);
  });

  it("ends where its runs are too old", () => {
    expect(goesOn([run("a")], { since: "day" }, NOW)).toBe(true);
    expect(goesOn([run("a", { created_at: "2026-11-20T00:00:00Z" })], { since: "day" }, NOW)).toBe(false);
    expect(goesOn([run("a", { created_at: "2020-11-20T00:00:00Z" })], {}, NOW)).toBe(true);
  });
});
