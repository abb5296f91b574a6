import { commonTexts } from "../../texts/common.ts";
import { Page } from "../../ui/index.ts";

export default function HomePage() {
  return <Page title={commonTexts.pages.home}>{null}</Page>;
}
