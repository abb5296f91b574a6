import { commonTexts } from "../../texts/common.ts";
import { Link, Page } from "../../ui/index.ts";

export default function MissingPage() {
  return (
    <Page title={commonTexts.missing.title} lead={commonTexts.missing.text}>
      <p>
        <Link href="/">{commonTexts.missing.home}</Link>
      </p>
    </Page>
  );
}
