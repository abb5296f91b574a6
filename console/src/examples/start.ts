import type { Kasal } from "@kasal/client";
import type { Example } from "./index.ts";

/** Makes the example's crew, unless there is one of its name already, starts a run, and returns the job's id. */
export async function startExample(kasal: Kasal, { crew, inputs }: Example): Promise<string> {
  const { crews } = await kasal.get("/crews", { query: { name: crew.name, status: "active" } });
  const known = crews.find((each) => each.name === crew.name);
  const crewId = known?.id ?? (await kasal.post("/crews", { body: crew })).id;
  return (await kasal.post("/executions", { body: { crew_id: crewId, inputs } })).job_id;
}
