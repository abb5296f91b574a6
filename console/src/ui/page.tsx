import { type ReactNode, useEffect, useRef } from "react";
import { commonTexts } from "../texts/common.ts";
import styles from "./page.module.css";

export interface PageProps {
  title: string;
  /** What the browser's tab says, if it is not the title. */
  tabTitle?: string;
  /** What stands beside the title: a status, a count. */
  beside?: ReactNode;
  actions?: ReactNode;
  /** One sentence below the title. */
  lead?: ReactNode;
  /** Uses the whole width: for tables and time lines. */
  wide?: boolean;
  children: ReactNode;
}

/** A page: its title gets the focus after a navigation, and names the browser's tab. */
export function Page({ title, tabTitle, beside, actions, lead, wide, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useTabTitle(tabTitle ?? title);
  useEffect(() => {
    if (navigated) heading.current?.focus({ preventScroll: true });
    navigated = true;
  }, []);
  return (
    <div className={wide ? styles.wide : styles.page}>
      <header className={styles.header}>
        <div className={styles.titles}>
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {beside}
        </div>
        {actions && <div className={styles.actions}>{actions}</div>}
        {lead && <p className={styles.lead}>{lead}</p>}
      </header>
      {children}
    </div>
  );
}

/** The first page keeps the focus where the browser puts it. */
let navigated = false;

/** Names the browser's tab. */
export function useTabTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · ${commonTexts.product}` : commonTexts.product;
  }, [title]);
}

export interface SectionProps {
  title: string;
  beside?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** A titled part of a page. */
export function Section({ title, beside, actions, children }: SectionProps) {
  return (
    <section className={styles.section} aria-label={title}>
      <div className={styles.sectionHeader}>
        <h2>{title}</h2>
        {beside}
        {actions && <div className={styles.actions}>{actions}</div>}
      </div>
      {children}
    </section>
  );
}
