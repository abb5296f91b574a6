import { commonTexts } from "../../texts/common.ts";
import { Page } from "../../ui/index.ts";

export default function RunsPage() {
  return <Page title={commonTexts.pages.runs}>{null}</Page>;
}
