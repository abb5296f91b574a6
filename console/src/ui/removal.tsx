import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "./button.tsx";
import { Dialog, DialogActions } from "./dialog.tsx";
import { Problem } from "./problem.tsx";

interface RemovalProps {
  /** The button that begins it. */
  open: string;
  label?: string;
  small?: boolean;
  title: string;
  text: string;
  confirm: string;
  /** What failed: "The tool was not deleted." */
  failed: string;
  remove: () => Promise<unknown>;
  onRemoved: () => unknown;
}

/** A button that destroys something, once that was confirmed. */
export function Removal({ open, label, small, title, text, confirm, failed, remove, onRemoved }: RemovalProps) {
  const [isOpen, setOpen] = useState(false);
  const removal = useMutation({
    mutationFn: remove,
    onSuccess: async () => {
      setOpen(false);
      await onRemoved();
    },
  });
  return (
    <>
      <Button kind="danger" small={small ?? false} aria-label={label} onPress={() => setOpen(true)}>
        {open}
      </Button>
      <Dialog alert title={title} isOpen={isOpen} onOpenChange={setOpen}>
        <p>{text}</p>
        {removal.error && <Problem what={failed} error={removal.error} />}
        <DialogActions>
          <Button kind="danger" isPending={removal.isPending} onPress={() => removal.mutate()}>
            {confirm}
          </Button>
        </DialogActions>
      </Dialog>
    </>
  );
}
