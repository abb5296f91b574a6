import { type ReactNode, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { queryClient } from "../api/query-client.ts";
import { logOut } from "../session/session.ts";
import { commonTexts } from "../texts/common.ts";
import { Button, IconButton, icons, Link, names } from "../ui/index.ts";
import styles from "./frame.module.css";
import { ThemeSwitch } from "./theme-switch.tsx";

const PLACES = [
  { href: "/", text: commonTexts.pages.home, Icon: icons.HomeIcon },
  { href: "/runs", text: commonTexts.pages.runs, Icon: icons.RunsIcon },
  { href: "/crews", text: commonTexts.pages.crews, Icon: icons.CrewsIcon },
  { href: "/inbox", text: commonTexts.pages.inbox, Icon: icons.InboxIcon },
  { href: "/tools", text: commonTexts.pages.tools, Icon: icons.ToolsIcon },
  { href: "/models", text: commonTexts.pages.models, Icon: icons.ModelsIcon },
  { href: "/files", text: commonTexts.pages.files, Icon: icons.FilesIcon },
  { href: "/memory", text: commonTexts.pages.memory, Icon: icons.MemoryIcon },
  { href: "/usage", text: commonTexts.pages.usage, Icon: icons.UsageIcon },
  { href: "/workspace", text: commonTexts.pages.workspace, Icon: icons.WorkspaceIcon },
];

/** What is around every page: the way to the others. */
export function Frame({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  const [open, setOpen] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a navigation closes the menu of narrow screens
  useEffect(() => setOpen(false), [location]);
  return (
    <div className={styles.frame}>
      <a className={styles.skip} href="#content">
        {commonTexts.skip}
      </a>
      <header className={styles.bar}>
        <IconButton label={commonTexts.openNavigation} aria-expanded={open} onPress={() => setOpen(!open)}>
          <icons.MenuIcon />
        </IconButton>
        <Link className={styles.brand} href="/">
          {commonTexts.product}
        </Link>
      </header>
      <div className={names(styles.side, open && styles.open)}>
        <Link className={styles.brand} href="/">
          {commonTexts.product}
        </Link>
        <nav aria-label={commonTexts.navigation}>
          <ul>
            {PLACES.map(({ href, text, Icon }) => (
              <li key={href}>
                <Link className={styles.place} href={href} aria-current={isAt(location, href) ? "page" : undefined}>
                  <Icon />
                  {text}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className={styles.foot}>
          <ThemeSwitch />
          <Button
            kind="quiet"
            onPress={() => {
              void logOut().then(() => queryClient.clear());
            }}
          >
            {commonTexts.account.logOut}
          </Button>
        </div>
      </div>
      <main id="content" className={styles.content} tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function isAt(location: string, href: string): boolean {
  return href === "/" ? location === "/" : location === href || location.startsWith(`${href}/`);
}
