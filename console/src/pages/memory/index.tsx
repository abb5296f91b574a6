import { commonTexts } from "../../texts/common.ts";
import { Page } from "../../ui/index.ts";

export default function MemoryPage() {
  return <Page title={commonTexts.pages.memory}>{null}</Page>;
}
