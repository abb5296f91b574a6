import { crewTexts } from "../../texts/crews.ts";
import { NEW_CREW } from "./model.ts";

const texts = import.meta.glob<string>("./examples/*.yaml", { query: "?raw", import: "default" });

/** The ready-made crews, in the order in which they teach. */
export const EXAMPLES = ["briefing", "support", "market", "proposal", "meeting", "memory"] as const;
export type ExampleName = (typeof EXAMPLES)[number];

/** The text of an example; that of an empty crew if there is none of this name. */
export async function exampleText(name: string): Promise<string> {
  return (await texts[`./examples/${name}.yaml`]?.()) ?? NEW_CREW;
}

export function exampleWords(name: ExampleName): { title: string; teaches: string } {
  return crewTexts.exampleWords[name];
}
