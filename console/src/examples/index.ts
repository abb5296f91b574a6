import type { Schemas } from "@kasal/client";

export interface Example {
  id: string;
  title: string;
  /** What one sees when it runs. */
  text: string;
  crew: Schemas["CrewDraft"] & { name: string };
  inputs: Record<string, unknown>;
}

/** Crews to begin with. They run on the built-in model `offline`, which needs no key and costs nothing. */
export const examples: readonly Example[] = [
  {
    id: "report",
    title: "A report by two agents",
    text: "A researcher works out the figures with a calculator, and a writer makes a report of them.",
    crew: {
      name: "Market Report",
      description: "Works out the figures of a market and writes a report",
      agents: [
        { role: "Researcher", goal: "Find out what is known about {topic}", model: "offline", tools: ["calculator"] },
        { role: "Writer", goal: "Write so that everybody understands it", model: "offline" },
      ],
      tasks: [
        {
          name: "figures",
          agent: "Researcher",
          description: "Work out what 12 * 250 customers of {topic} spend",
          expected_output: "A figure, and how it was reached",
        },
        {
          name: "report",
          agent: "Writer",
          description: "Write a short report about {topic}",
          expected_output: "A report of five sentences",
          context: ["figures"],
        },
      ],
    },
    inputs: { topic: "tea" },
  },
  {
    id: "approval",
    title: "A yes before a call is made",
    text: "A cashier wants to use the calculator and waits until you approve the call, change it or reject it.",
    crew: {
      name: "Till",
      description: "Asks a person before each call",
      agents: [
        { role: "Cashier", goal: "Calculate", model: "offline", tools: ["calculator"], approvals: ["calculator"] },
      ],
      tasks: [{ name: "total", agent: "Cashier", description: "What is 12 * 2?", expected_output: "A number" }],
    },
    inputs: {},
  },
  {
    id: "opinions",
    title: "Two at once, then a verdict",
    text: "An optimist and a sceptic work beside one another. A judge waits for both and decides; you review the verdict.",
    crew: {
      name: "Second Opinion",
      description: "Two views of a plan, and a verdict",
      agents: [
        { role: "Optimist", goal: "Say what speaks for a plan", model: "offline" },
        { role: "Sceptic", goal: "Say what speaks against a plan", model: "offline" },
        { role: "Judge", goal: "Decide", model: "offline" },
      ],
      tasks: [
        {
          name: "for",
          agent: "Optimist",
          description: "Say what speaks for this plan: {plan}",
          expected_output: "Three reasons",
          async_execution: true,
        },
        {
          name: "against",
          agent: "Sceptic",
          description: "Say what speaks against this plan: {plan}",
          expected_output: "Three reasons",
          async_execution: true,
        },
        {
          name: "verdict",
          agent: "Judge",
          description: "Decide whether to go on with this plan: {plan}",
          expected_output: "One sentence",
          context: ["for", "against"],
          human_input: true,
        },
      ],
    },
    inputs: { plan: "open a tea shop" },
  },
];
