import { commonTexts } from "../../texts/common.ts";
import { Page } from "../../ui/index.ts";

export default function CrewsPage() {
  return <Page title={commonTexts.pages.crews}>{null}</Page>;
}
