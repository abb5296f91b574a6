import { KasalError } from "@kasal/client";
import { describe, expect, it } from "vitest";
import { circleOf, edgesOf } from "./graph.ts";
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
  const kinds = (crew: object) => edgesOf(crew as never).map((edge) => `${edge.source}-${edge.kind}-${edge.target}`);

  it("knows what tasks build on without saying so", () => {
    const crew = { tasks: [{ async_execution: true }, { async_execution: true }, {}, { condition: "inputs.a == 1" }] };
    expect(kinds(crew)).toEqual(["0-join-2", "1-join-2", "2-sequence-3"]);
  });

  it("knows what tasks name", () => {
    const tasks = [
      { name: "a" },
      { name: "b", context: ["a", "a text"] },
      { name: "c", for_each: "a", depends_on: ["b"], condition: "outputs.b != 'outputs.a'" },
      { name: "d", for_each: "{list}", context: [0] },
    ];
    expect(kinds({ tasks })).toEqual([
      ...["0-context-1", "0-for_each-2", "1-condition-2", "1-depends_on-2", "1-sequence-2"],
      ...["0-context-3", "2-order-3"],
    ]);
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
    rememberInputs("crew_1", { topic: { kind: "text", text: "tea" } });
    expect(lastInputs("crew_1")).toEqual({ topic: { kind: "text", text: "tea" } });
    localStorage.setItem("kasal.inputs.crew_2", "{{");
    expect(lastInputs("crew_2")).toEqual({});
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
