import { describe, expect, it } from "vitest";
import {
  NEW_CREW,
  read,
  withAgentField,
  withEntry,
  withMoved,
  withoutAgent,
  withoutTask,
  withTaskName,
  withValue,
} from "./model.ts";

const CREW = `# My crew
kasal: 1
name: News # short

# Who
agents:
  # the best
  - role: Writer
    goal: Write
    model: offline
  - name: ed
    role: Editor
    goal: Edit
    model: offline # free
    tools: [calculator, web_search]

tasks:
  - name: facts
    description: Find facts
    agent: Writer
  - name: article
    description: |
      Write about {topic}

      in two paragraphs
    agent: ed
    context: [facts, Be kind to readers]
    depends_on: [facts]
    condition: outputs.facts != "" and outputs["facts"].score > 1 and outputs.facts_2 == null
`;

describe("a crew's text", () => {
  it("is read with its values", () => {
    const { crew, fault } = read(CREW);
    expect(fault).toBeUndefined();
    expect(crew).toMatchObject({ name: "News", agents: [{ role: "Writer" }, { name: "ed" }] });
    expect(read(NEW_CREW).fault).toBeUndefined();
  });

  it("says where it is no YAML", () => {
    const { fault } = read("name: a\nagents:\n  - role: [\nx: 1\n");
    expect(fault?.line).toBeGreaterThan(2);
    expect(fault?.message).toMatch(/\.$/);
    expect(read("just words").fault?.message).toContain("fields");
    expect(read("").fault?.line).toBe(1);
  });

  it("does not follow aliases that repeat without end", () => {
    const bomb = `a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`;
    expect(read(bomb).fault).toBeDefined();
  });

  it("knows the line of a path, or of its nearest parent", () => {
    const { placeOf } = read(CREW);
    expect(placeOf(["name"]).line).toBe(3);
    expect(placeOf(["agents", 1, "model"]).line).toBe(14);
    expect(placeOf(["agents", 0, "backstory"]).line).toBe(8);
    expect(placeOf(["configuration", "timeout"]).line).toBe(1);
  });
});

describe("edits of fields", () => {
  it("keep comments, and all that they do not change", () => {
    const edited = withValue(CREW, ["agents", 1, "model"], "gpt-4o");
    expect(edited).toBe(CREW.replace("offline # free", "gpt-4o # free"));
    expect(withValue(CREW, ["name"], "Old")).toContain("name: Old # short");
  });

  it("put new fields where people look for them", () => {
    const edited = withValue(CREW, ["agents", 0, "backstory"], "Years of it");
    expect(edited).toContain("goal: Write\n    backstory: Years of it\n    model: offline");
    expect(withValue(CREW, ["process"], "hierarchical")).toMatch(/process: hierarchical[\s\S]*agents:/);
  });

  it("make what they are in, and take it away when it is empty", () => {
    const edited = withValue(CREW, ["configuration", "budget", "max_tokens"], 1000);
    expect(read(edited).crew.configuration).toEqual({ budget: { max_tokens: 1000 } });
    expect(read(withValue(edited, ["configuration", "budget", "max_tokens"], undefined)).crew).toEqual(read(CREW).crew);
  });

  it("write lists in one line and keep the comments of their entries", () => {
    expect(withValue(CREW, ["agents", 0, "tools"], ["calculator"])).toContain("tools: [calculator]");
    const listed = withValue("tools:\n  - a # why\n  - b\n", ["tools"], ["a", "c"]);
    expect(listed).toBe("tools:\n  - a # why\n  - c\n");
  });

  it("change nothing in a text that is no YAML", () => {
    expect(withValue("a: [", ["name"], "x")).toBe("a: [");
  });
});

describe("lists of agents and tasks", () => {
  it("take new entries", () => {
    const edited = withEntry(CREW, "tasks", { name: "last", description: "End" });
    expect(read(edited).crew.tasks).toHaveLength(3);
    expect(read(withEntry("name: a\ntasks: []\n", "tasks", { name: "x" })).crew.tasks).toEqual([{ name: "x" }]);
    expect(read(withEntry("name: a\n", "tasks", { name: "x" })).crew.tasks).toEqual([{ name: "x" }]);
  });

  it("are put in another order with their comments", () => {
    const edited = withMoved(CREW, "agents", 1, 0);
    expect(edited).toContain("offline # free");
    expect((read(edited).crew.agents as { role: string }[]).map((each) => each.role)).toEqual(["Editor", "Writer"]);
    expect(withMoved(CREW, "agents", 0, -1)).toBe(CREW);
  });

  it("lose an entry with what names it", () => {
    const tasks = read(withoutTask(CREW, 0)).crew.tasks as object[];
    expect(tasks).toHaveLength(1);
    expect(tasks[0]).toMatchObject({ context: ["Be kind to readers"] });
    expect(tasks[0]).not.toHaveProperty("depends_on");
    const [, article] = read(withoutAgent(CREW, 1)).crew.tasks as object[];
    expect(article).not.toHaveProperty("agent");
  });

  it("give an entry another name everywhere", () => {
    const [, article] = read(withTaskName(CREW, 0, "found facts")).crew.tasks as Record<string, unknown>[];
    expect(article).toMatchObject({ context: ["found facts", "Be kind to readers"], depends_on: ["found facts"] });
    expect(article?.condition).toBe(
      'outputs["found facts"] != "" and outputs["found facts"].score > 1 and outputs.facts_2 == null',
    );
    const renamed = withAgentField(withAgentField(CREW, 1, "name", "chief"), 0, "role", "Author");
    expect((read(renamed).crew.tasks as { agent: string }[]).map((task) => task.agent)).toEqual(["Author", "chief"]);
  });
});
