import type { Schemas } from "@kasal/client";

export const statusTexts: Record<Schemas["ExecutionStatus"], string> = {
  queued: "Queued",
  running: "Running",
  waiting_for_input: "Waiting for you",
  completed: "Completed",
  failed: "Failed",
  stopped: "Stopped",
};
