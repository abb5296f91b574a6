import { describe, expect, it } from "vitest";
import { linesOf } from "./download.ts";
import { changedInputs, faultOf, fieldsOf, inputOf, placeholdersOf } from "./inputs.ts";
import { Folding, rowsOf, seqOf } from "./rows.ts";
import { Found, textOf } from "./search.ts";
import { modelOf, recorded } from "./testing/recorded.ts";
import { stepOf } from "./tree-keys.ts";
import { placeOf, searchOf } from "./use-place.ts";

describe("the inputs of a run", () => {
  const given = { product: "tea", shops: ["Anna"], limit: 3 };

  it("are fields, with those that the crew's texts name besides", () => {
    const crew = {
      agents: [{ role: "Buyer of {product}", goal: "Know {{braces}}", backstory: "" }],
      tasks: [{ description: "Ask {item} in {city}", expected_output: "", for_each: "{shops}", context: [] }],
    };
    const names = placeholdersOf(crew as never);
    expect(names).toEqual(["product", "city", "shops"]);
    const fields = fieldsOf(given, names);
    expect(fields.map((field) => [field.name, field.json])).toEqual([
      ["product", false],
      ["shops", true],
      ["limit", true],
      ["city", false],
    ]);
    expect(fields.map(inputOf)).toEqual(["tea", ["Anna"], 3, ""]);
  });

  it("are sent with a fork where they differ", () => {
    const fields = fieldsOf(given, ["city"]);
    expect(changedInputs(fields, given)).toEqual({});
    fields[0]!.text = "coffee";
    fields[1]!.text = '["Anna", "Bert"]';
    expect(changedInputs(fields, given)).toEqual({ product: "coffee", shops: ["Anna", "Bert"] });
    fields[1]!.text = "[";
    expect(faultOf(fields[1]!)).toBeTruthy();
    expect(faultOf(fields[0]!)).toBeNull();
  });
});

describe("the place in a run", () => {
  it("is in the address, and strange ones are the first view", () => {
    expect(placeOf("view=timeline&seq=7")).toEqual({ view: "timeline", seq: 7 });
    for (const strange of ["", "view=x&seq=-1", "seq=1e99", "seq=abc", "seq=1.5"]) {
      expect(placeOf(strange)).toEqual({ view: "compact", seq: null });
    }
    expect(searchOf({ view: "compact", seq: null })).toBe("");
    expect(placeOf(searchOf({ view: "full", seq: 12 }))).toEqual({ view: "full", seq: 12 });
  });
});

describe("the lines of a run", () => {
  const model = modelOf(recorded.market!);

  it("name each task, each call and each question once", () => {
    const rows = rowsOf(model, new Folding());
    expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
    const spans = rows.filter((row) => row.kind === "span");
    expect(spans).toHaveLength(model.spanCount);
    expect(rows.filter((row) => row.kind === "lane").map((row) => row.depth)).toEqual([0, 0, 1, 1, 1, 0, 0, 0]);
    expect(rows.every((row) => seqOf(row) !== null)).toBe(true);
  });

  it("fold, all or one by one", () => {
    const folded = new Folding().withAll(false);
    expect(rowsOf(model, folded).filter((row) => row.kind !== "note")).toHaveLength(5);
    const one = folded.with(model.lanes[0]!.id, true);
    expect(rowsOf(model, one).length).toBe(5 + 1 + model.lanes[0]!.spans.length);
  });

  it("are reached by the keys of a tree", () => {
    const rows = rowsOf(model, new Folding());
    const key = (name: string, at: number) => stepOf(name, rows, at, 10);
    expect(key("ArrowDown", 0)).toEqual({ act: "move", to: 1 });
    expect(key("ArrowLeft", 1)).toEqual({ act: "move", to: 0 });
    expect(key("ArrowLeft", 0)).toMatchObject({ act: "fold", open: false });
    expect(key("End", 0)).toEqual({ act: "move", to: rows.length - 1 });
    expect(key("PageDown", 3)).toEqual({ act: "move", to: 13 });
    expect(key("Enter", 2)).toEqual({ act: "choose" });
    expect(key("Enter", -1)).toBeNull();
    expect(key("x", 0)).toBeNull();
  });
});

describe("all events", () => {
  const events = recorded.market!;

  it("are found by type, task and words, and each is looked at once", () => {
    const calls = new Found({ type: "tool_call", task: "", text: "" });
    const first = calls.upTo(events, 10);
    expect(calls.upTo(events, 10)).toBe(first);
    expect(calls.upTo(events, events.length).length).toBe(events.filter((event) => event.type === "tool_call").length);
    const words = new Found({ type: "", task: "", text: "EXCHANGE rate" }).upTo(events, events.length);
    expect(words.map((event) => event.type)).toEqual(["tool_call"]);
    expect(new Found({ type: "", task: "", text: "" }).upTo(events, events.length)).toHaveLength(events.length);
  });

  it("tell something in one line, whatever their type", () => {
    const silent = new Set(["execution_resumed"]);
    for (const event of Object.values(recorded).flat()) {
      if (!silent.has(event.type)) expect(textOf(event)).not.toBe("");
      expect(textOf(event).length).toBeLessThanOrEqual(301);
    }
  });

  it("are saved as a line each", () => {
    const lines = linesOf(events).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).seq)).toEqual(events.map((event) => event.seq));
  });
});
