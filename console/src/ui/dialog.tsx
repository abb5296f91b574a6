import type { ReactNode } from "react";
import { Dialog as AriaDialog, DialogTrigger, Heading, Modal, ModalOverlay } from "react-aria-components";
import { commonTexts } from "../texts/common.ts";
import { IconButton } from "./button.tsx";
import { names } from "./class-names.ts";
import styles from "./dialog.module.css";
import { CloseIcon } from "./icons.tsx";

export { DialogTrigger };

export interface DialogProps {
  title: string;
  /** Without it, a `DialogTrigger` around the dialog opens it. */
  isOpen?: boolean;
  onOpenChange?: (open: boolean) => void;
  wide?: boolean;
  /** For what destroys something: read out at once. */
  alert?: boolean;
  children: ReactNode | ((close: () => void) => ReactNode);
}

/** A modal dialog: it keeps the focus, closes by Escape, and gives the focus back. */
export function Dialog({ title, wide, alert, children, ...open }: DialogProps) {
  return (
    <ModalOverlay {...open} isDismissable={!alert} className={styles.overlay}>
      <Modal className={names(styles.modal, wide && styles.wide)}>
        <AriaDialog className={styles.dialog} role={alert ? "alertdialog" : "dialog"}>
          {({ close }) => (
            <>
              <div className={styles.header}>
                <Heading slot="title" level={2}>
                  {title}
                </Heading>
                <IconButton small label={commonTexts.close} onPress={close}>
                  <CloseIcon />
                </IconButton>
              </div>
              {typeof children === "function" ? children(close) : children}
            </>
          )}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

/** The buttons at a dialog's end. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <div className={styles.actions}>{children}</div>;
}
