import { useState } from "react";
import { Autocomplete, Input, Menu, MenuItem, SearchField, useFilter } from "react-aria-components";
import { useLocation } from "wouter";
import { useCrews } from "../api/crew-names.ts";
import { layoutTexts } from "../texts/layout.ts";
import { Dialog } from "../ui/index.ts";
import menuStyles from "../ui/menu.module.css";
import styles from "./layout.module.css";
import { PLACES } from "./places.ts";

interface Found {
  href: string;
  text: string;
  kind: string;
}

/** Finds a page, a crew by its name, or a run by its id. */
export default function SearchDialog({ onClose }: { onClose: () => void }) {
  const [, navigate] = useLocation();
  const [text, setText] = useState("");
  const { contains } = useFilter({ sensitivity: "base" });
  const crews = useCrews().data ?? [];
  const id = text.trim();
  const found: Found[] = [
    ...(/^job_\w+$/.test(id) ? [{ href: `/runs/${id}`, text: id, kind: layoutTexts.run }] : []),
    ...PLACES.map((place) => ({ href: place.href, text: place.text, kind: layoutTexts.page })),
    ...crews.map((crew) => ({ href: `/crews/${crew.id}`, text: crew.name, kind: layoutTexts.crew })),
  ];
  return (
    <Dialog title={layoutTexts.search} isOpen onOpenChange={(open) => !open && onClose()}>
      <Autocomplete filter={contains} inputValue={text} onInputChange={setText}>
        <SearchField aria-label={layoutTexts.searchLabel} autoFocus className={styles.search}>
          <Input placeholder={layoutTexts.searchLabel} />
        </SearchField>
        <Menu
          aria-label={layoutTexts.results}
          className={`${menuStyles.menu} ${styles.results}`}
          items={found}
          renderEmptyState={() => <p className={menuStyles.empty}>{layoutTexts.nothing}</p>}
          onAction={(href) => {
            onClose();
            navigate(String(href));
          }}
        >
          {(item) => (
            <MenuItem id={item.href} textValue={item.text} className={menuStyles.item}>
              <span className={styles.found}>{item.text}</span>
              <span className={styles.kind}>{item.kind}</span>
            </MenuItem>
          )}
        </Menu>
      </Autocomplete>
    </Dialog>
  );
}
