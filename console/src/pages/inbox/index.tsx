import { commonTexts } from "../../texts/common.ts";
import { Page } from "../../ui/index.ts";

export default function InboxPage() {
  return <Page title={commonTexts.pages.inbox}>{null}</Page>;
}
