import type { TraceEvent } from "@kasal/client";
import { RunModel } from "../model.ts";
import failed from "./failed.json" with { type: "json" };
import forked from "./forked.json" with { type: "json" };
import lost from "./lost.json" with { type: "json" };
import market from "./market.json" with { type: "json" };
import replayed from "./replayed.json" with { type: "json" };
import stopped from "./stopped.json" with { type: "json" };

/** The events of real runs: parallel tasks, a list, a review, an approval, a lost worker, a fork, a replay. */
export const recorded = { market, forked, stopped, failed, lost, replayed } as unknown as Record<string, TraceEvent[]>;

export function modelOf(events: readonly TraceEvent[]): RunModel {
  const model = new RunModel();
  for (const event of events) model.add(event);
  return model;
}

/** A run of so many tasks, each with so many calls of a tool: seven events and three for each call. */
export function longRun(tasks: number, calls: number): TraceEvent[] {
  const events: object[] = [];
  const begin = Date.parse("2026-11-28T05:00:00Z");
  const add = (type: string, fields: object) => {
    const seq = events.length + 1;
    events.push({
      type,
      job_id: "job_1",
      seq,
      timestamp: new Date(begin + seq * 20).toISOString(),
      attempt: 1,
      ...fields,
    });
  };
  const ids = Array.from({ length: tasks }, (_, n) => `task_${n}`);
  add("execution_start", { crew: "Long", crew_id: "crew_1", version: 1, tasks_count: tasks, tasks: ids });
  const usage = { requests: 1, input_tokens: 100, output_tokens: 20, cost_usd: 0.001 };
  for (const task_id of ids) {
    const whose = { task_id, agent: "Agent" };
    add("task_start", { ...whose, description: `Do ${task_id}` });
    for (let call = 1; call <= calls; call++) {
      add("llm_call", { ...whose, action: "gpt-4o", result: "calls read", usage, duration: 0.02 });
      add("tool_call", { ...whose, action: "read", result: `{"page": ${call}}`, call });
      add("tool_result", { ...whose, action: "read", result: `Page ${call}`, call, duration: 0.02 });
    }
    add("task_complete", { ...whose, result: "Done" });
    add("progress", { progress: 1, current_task: null });
  }
  add("execution_complete", { result: "Done" });
  return events as TraceEvent[];
}
