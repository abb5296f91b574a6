import { commonTexts } from "../../texts/common.ts";
import { Page } from "../../ui/index.ts";

export default function FilesPage() {
  return <Page title={commonTexts.pages.files}>{null}</Page>;
}
