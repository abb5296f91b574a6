import { KasalError } from "@kasal/client";
import { describe, expect, it } from "vitest";
import { circleOf, edgesOf } from "./graph.ts";
import graphs from "./graphs.json";
import { reduce, started } from "./history.ts";
import { faultOf, inputValue, lastInputs, neededInputs, placeholdersIn, rememberInputs } from "./inputs.ts";
import { lacksOf, placeName, problemsOf, reasonAt } from "./problems.ts";

describe("history", () => {
  it("undoes and redoes, and takes quick edits of one field together", () => {
    let history = started("a");
    for (const [at, text] of ["ab", "abc"].entries())
      history = reduce(history, { kind: "edit", text, key: "name", at });
    history = reduce(history, { kind: "edit", text: "abcd", key: "goal", at: 10 });
    expect(history.past).toEqual(["a", "abc"]);
    history = reduce(reduce(history, { kind: "undo" }), { kind: "undo" });
    expect(history.text).toBe("a");
    expect(reduce(history, { kind: "undo" })).toBe(history);
    history = reduce(reduce(history, { kind: "redo" }), { kind: "redo" });
    expect(history.text).toBe("abcd");
    expect(reduce(reduce(history, { kind: "undo" }), { kind: "edit", text: "x", key: "n", at: 0 }).future).toEqual([]);
  });
});

describe("the graph", () => {
  // services/crews/tests/unit/test_graphs_of_the_console.py asks the platform the same.
  it.each(graphs)("is the platform's: $why", ({ tasks, edges }) => {
    expect(edgesOf({ tasks }).map((edge) => `${edge.source}-${edge.kind}-${edge.target}`)).toEqual(edges);
  });

  it("finds circles", () => {
    const tasks = [{ name: "a", depends_on: ["b"] }, { name: "b" }];
    expect(circleOf(edgesOf({ tasks })).sort()).toEqual([0, 1]);
    expect(circleOf(edgesOf({ tasks: [{ name: "a" }, { name: "b" }] }))).toEqual([]);
  });
});

describe("inputs", () => {
  it("are found where the platform fills them in", () => {
    expect(placeholdersIn("{a} {{b}} {{{c}}} { d } {1} {e-f}")).toEqual(["a", "c", "e-f"]);
    const crew = {
      agents: [{ role: "{field} expert", goal: "x" }],
      tasks: [
        { name: "t", description: "Write {item} on {topic}", for_each: "{shops}" },
        { description: "{topic}", condition: `"language" in inputs and inputs.language == 'en' and inputs.level > 1` },
      ],
      configuration: { memory: { short_term: true, scope: "{customer}" } },
    };
    expect(neededInputs(crew).map((each) => `${each.name}:${each.kind}`)).toEqual([
      ...["field:text", "topic:text", "shops:list", "level:text", "customer:text"],
    ]);
    expect(neededInputs(crew)[1]?.usedBy).toEqual(["task t", "task 2"]);
  });

  it("are sent as they were meant", () => {
    expect(inputValue({ kind: "list", text: " a\n\nb " })).toEqual(["a", "b"]);
    expect(inputValue({ kind: "json", text: "[1]" })).toEqual([1]);
    expect(inputValue({ kind: "file", text: "file_1" })).toEqual({ file: "file_1" });
    expect(faultOf({ kind: "json", text: "{" })).toContain("JSON");
    expect(faultOf({ kind: "text", text: "a" })).toBeUndefined();
    expect(faultOf(undefined)).toBeDefined();
  });

  it("are remembered per crew", () => {
    const kept = new Map<string, string>();
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, text: string) => void kept.set(key, text),
    };
    rememberInputs("crew_1", { topic: { kind: "text", text: "tea" } }, storage);
    expect(lastInputs("crew_1", storage)).toEqual({ topic: { kind: "text", text: "tea" } });
    storage.setItem("kasal.inputs.crew_2", "{{");
    expect(lastInputs("crew_2", storage)).toEqual({});
  });
});

describe("problems", () => {
  it("are at the places that the API names", () => {
    const error = new KasalError(400, {
      details: { field: "a", errors: [{ field: "agents.0.goal", reason: "Field required" }] },
    });
    const problems = [...problemsOf(error), ...lacksOf([{ field: "tasks.1.agent_id", reason: "PUT /tasks/x" }])];
    expect(reasonAt(problems, ["agents", 0, "goal"])).toBe("Field required");
    expect(reasonAt(problems, ["tasks", 1, "agent"])).not.toContain("PUT");
    expect(reasonAt(problems, ["name"])).toBeUndefined();
    expect(placeName(["tasks", 1, "expected_output"])).toBe("Task 2, expected output");
    expect(problemsOf(new KasalError(400, { details: { field: "crew.yaml", reason: "x" } }))).toEqual([]);
  });
});
