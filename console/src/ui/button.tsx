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

/** A button. `isPending` keeps its size and its focus while something is under way. */
export function Button({ kind = "plain", small, className, ...props }: ButtonProps) {
  return <AriaButton {...props} className={names(styles.button, styles[kind], small && styles.small, className)} />;
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
