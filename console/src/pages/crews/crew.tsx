import { commonTexts } from "../../texts/common.ts";
import { Page } from "../../ui/index.ts";

/** One crew; without an id, a new one. */
export default function CrewPage({ crewId }: { crewId?: string }) {
  return <Page title={crewId ?? commonTexts.pages.crews}>{null}</Page>;
}
