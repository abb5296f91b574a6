import { commonTexts } from "../../texts/common.ts";
import { Page } from "../../ui/index.ts";

export default function ToolsPage() {
  return <Page title={commonTexts.pages.tools}>{null}</Page>;
}
