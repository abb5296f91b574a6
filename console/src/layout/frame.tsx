import { lazy, type ReactNode, Suspense, useCallback, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { commonTexts } from "../texts/common.ts";
import { layoutTexts } from "../texts/layout.ts";
import { IconButton, icons, Link, names } from "../ui/index.ts";
import { AccountMenu } from "./account-menu.tsx";
import { useConnection } from "./connection.ts";
import styles from "./frame.module.css";
import { isAt, PLACES } from "./places.ts";
import { useShortcuts } from "./shortcuts.ts";
import { ShortcutsDialog } from "./shortcuts-dialog.tsx";
import { useWaiting } from "./use-waiting.ts";
import { WorkspaceSwitcher } from "./workspace-switcher.tsx";

const SearchDialog = lazy(() => import("./search-dialog.tsx"));

/** What is around every page: the way to the others, search, keys, and whether the platform is there. */
export function Frame({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  const [navigation, setNavigation] = useState(false);
  const [dialog, setDialog] = useState<"keys" | "search">();
  const showKeys = useCallback(() => setDialog("keys"), []);
  const showSearch = useCallback(() => setDialog("search"), []);
  useShortcuts({ onHelp: showKeys, onSearch: showSearch });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a navigation closes the menu of narrow screens
  useEffect(() => setNavigation(false), [location]);
  return (
    <div className={styles.frame}>
      <a className={styles.skip} href="#content">
        {commonTexts.skip}
      </a>
      <header className={styles.bar}>
        <IconButton
          label={commonTexts.openNavigation}
          aria-expanded={navigation}
          aria-controls="navigation"
          onPress={() => setNavigation(!navigation)}
        >
          {navigation ? <icons.CloseIcon /> : <icons.MenuIcon />}
        </IconButton>
        <Brand />
        <SearchButton onPress={showSearch} />
      </header>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: Escape closes it from wherever the focus is in it */}
      <div
        id="navigation"
        className={names(styles.side, navigation && styles.open)}
        onKeyDown={(event) => event.key === "Escape" && setNavigation(false)}
      >
        <div className={styles.top}>
          <Brand />
          <SearchButton onPress={showSearch} />
        </div>
        <WorkspaceSwitcher />
        <Places location={location} />
        <AccountMenu onShortcuts={showKeys} />
      </div>
      <main id="content" className={styles.content} tabIndex={-1}>
        <ConnectionBanner />
        {children}
      </main>
      <ShortcutsDialog isOpen={dialog === "keys"} onOpenChange={(open) => !open && setDialog(undefined)} />
      {dialog === "search" && (
        <Suspense>
          <SearchDialog onClose={() => setDialog(undefined)} />
        </Suspense>
      )}
    </div>
  );
}

function Brand() {
  return (
    <Link className={styles.brand} href="/">
      {commonTexts.product}
    </Link>
  );
}

function SearchButton({ onPress }: { onPress: () => void }) {
  return (
    <IconButton label={`${layoutTexts.search} (/)`} onPress={onPress}>
      <icons.SearchIcon />
    </IconButton>
  );
}

function Places({ location }: { location: string }) {
  const waiting = useWaiting();
  return (
    <nav aria-label={commonTexts.navigation}>
      <ul>
        {PLACES.map(({ href, text, Icon }) => (
          <li key={href}>
            <Link className={styles.place} href={href} aria-current={isAt(location, href) ? "page" : undefined}>
              <Icon />
              {text}
              {href === "/inbox" && !!waiting && (
                <span className={styles.count}>
                  <span aria-hidden="true">{waiting > 99 ? "99+" : waiting}</span>
                  <span className="visually-hidden">{layoutTexts.waiting(waiting)}</span>
                </span>
              )}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Stands above the page and moves nothing: it covers the page's upper margin. */
function ConnectionBanner() {
  const connection = useConnection();
  return (
    <div role="status" className={styles.banner}>
      {connection !== "ok" && <p>{connection === "offline" ? commonTexts.offline : commonTexts.unreachable}</p>}
    </div>
  );
}
