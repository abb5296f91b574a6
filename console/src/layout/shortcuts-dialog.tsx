import { layoutTexts } from "../texts/layout.ts";
import { Dialog } from "../ui/index.ts";
import styles from "./layout.module.css";
import { PLACES } from "./places.ts";

/** All keys, and what they do. */
export function ShortcutsDialog({ isOpen, onOpenChange }: { isOpen: boolean; onOpenChange: (open: boolean) => void }) {
  return (
    <Dialog title={layoutTexts.shortcuts} isOpen={isOpen} onOpenChange={onOpenChange}>
      <dl className={styles.keys}>
        {PLACES.map(({ href, text, key }) => (
          <Keys key={href} text={text} keys={["g", key]} />
        ))}
        <Keys text={layoutTexts.search} keys={["/"]} />
        <Keys text={layoutTexts.shortcuts} keys={["?"]} />
        {layoutTexts.inboxKeys.map(([key, text]) => (
          <Keys key={key} text={text} keys={[key]} />
        ))}
      </dl>
    </Dialog>
  );
}

function Keys({ text, keys }: { text: string; keys: readonly string[] }) {
  return (
    <div>
      <dt>{text}</dt>
      <dd>
        {keys.map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dd>
    </div>
  );
}
