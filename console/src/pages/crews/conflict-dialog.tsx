import { lazy, Suspense } from "react";
import { crewTexts } from "../../texts/crews.ts";
import { Button, Dialog, DialogActions, SkeletonRows } from "../../ui/index.ts";
import type { Saved } from "./editor-state.ts";

const SideBySide = lazy(() => import("./side-by-side.tsx"));

interface ConflictDialogProps {
  mine: string;
  theirs: Saved;
  onKeepMine: () => void;
  onTakeTheirs: () => void;
  onClose: () => void;
}

/** Two have changed the same crew: shows both, and lets the later one choose. */
export function ConflictDialog({ mine, theirs, onKeepMine, onTakeTheirs, onClose }: ConflictDialogProps) {
  const texts = crewTexts.conflict;
  return (
    <Dialog wide title={texts.title} isOpen onOpenChange={onClose}>
      <p>{texts.text}</p>
      <Suspense fallback={<SkeletonRows />}>
        <SideBySide before={theirs.text} after={mine} titles={[texts.theirs, texts.mine]} />
      </Suspense>
      <DialogActions>
        <Button onPress={onClose}>{texts.goOn}</Button>
        <Button kind="danger" onPress={onTakeTheirs}>
          {texts.takeTheirs}
        </Button>
        <Button kind="primary" onPress={onKeepMine}>
          {texts.keepMine}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
