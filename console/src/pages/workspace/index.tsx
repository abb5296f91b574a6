import { commonTexts } from "../../texts/common.ts";
import { Page } from "../../ui/index.ts";

export default function WorkspacePage() {
  return <Page title={commonTexts.pages.workspace}>{null}</Page>;
}
