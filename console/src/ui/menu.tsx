import type { ReactNode } from "react";
import {
  Menu as AriaMenu,
  MenuItem as AriaMenuItem,
  type MenuItemProps,
  type MenuProps,
  MenuTrigger,
  Popover,
  Separator,
} from "react-aria-components";
import { names } from "./class-names.ts";
import styles from "./menu.module.css";

export { MenuTrigger };

/** A menu in a `MenuTrigger`, after the button that opens it. */
export function Menu<T extends object>({ className, ...props }: MenuProps<T> & { className?: string }) {
  return (
    <Popover className={styles.popover} offset={4}>
      <AriaMenu {...props} className={names(styles.menu, className)} />
    </Popover>
  );
}

export interface ItemProps extends Omit<MenuItemProps, "children" | "className" | "style"> {
  danger?: boolean;
  children: ReactNode;
}

export function MenuItem({ danger, children, ...props }: ItemProps) {
  const text = typeof children === "string" ? { textValue: children } : {};
  return (
    <AriaMenuItem {...text} {...props} className={names(styles.item, danger && styles.danger)}>
      {children}
    </AriaMenuItem>
  );
}

export function MenuSeparator() {
  return <Separator className={styles.separator} />;
}
