import type { ReactNode } from "react";
import {
  Button as AriaButton,
  type ButtonProps as AriaButtonProps,
  Tooltip,
  TooltipTrigger,
} from "react-aria-components";
import styles from "./button.module.css";
import { names } from "./class-names.ts";

type Kind = "primary" | "plain" | "quiet" | "danger";

export interface ButtonProps extends Omit<AriaButtonProps, "className" | "style"> {
  kind?: Kind;
  small?: boolean;
  className?: string;
}

/**
 * A button. While `isPending`, it keeps its size and its focus and does nothing. (The library's own announces this by an
 * element whose name is gone when the page is.)
 */
export function Button({ kind = "plain", small, className, isPending, ...props }: ButtonProps) {
  const idle = isPending ? ({ onPress: undefined, type: "button" } as const) : {};
  return (
    <AriaButton
      {...props}
      {...idle}
      data-pending={isPending || undefined}
      className={names(styles.button, styles[kind], small && styles.small, className)}
    />
  );
}

export interface IconButtonProps extends Omit<ButtonProps, "children"> {
  /** What the button does: its name for a reader, and its tooltip. */
  label: string;
  children: ReactNode;
}

/** A button with an icon alone, whose name is in a tooltip. */
export function IconButton({ label, className, children, ...props }: IconButtonProps) {
  return (
    <TooltipTrigger delay={500}>
      <Button kind="quiet" {...props} aria-label={label} className={names(styles.icon, className)}>
        {children}
      </Button>
      <Tooltip className={styles.tooltip} offset={6}>
        {label}
      </Tooltip>
    </TooltipTrigger>
  );
}
