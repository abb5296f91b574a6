import { commonTexts } from "../../texts/common.ts";
import { Page } from "../../ui/index.ts";

export default function ModelsPage() {
  return <Page title={commonTexts.pages.models}>{null}</Page>;
}
