import { commonTexts } from "../../texts/common.ts";
import { Page } from "../../ui/index.ts";

export default function UsagePage() {
  return <Page title={commonTexts.pages.usage}>{null}</Page>;
}
