import { useEffect, useState } from "react";
import { useLocation } from "wouter";
import { crewTexts } from "../../texts/crews.ts";
import { Button, Dialog, DialogActions } from "../../ui/index.ts";

/** Asks before a link, a reload or a closed tab leaves what is not saved. */
export function LeaveGuard({ isDirty, onLeave }: { isDirty: boolean; onLeave: () => void }) {
  const [target, setTarget] = useState<string>();
  const [, navigate] = useLocation();

  useEffect(() => {
    if (!isDirty) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    const look = (event: MouseEvent) => {
      const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
      if (!(link instanceof HTMLAnchorElement) || link.target === "_blank" || link.hasAttribute("download")) return;
      const { pathname, search, origin } = new URL(link.href);
      if (origin !== location.origin || pathname === location.pathname || event.metaKey || event.ctrlKey) return;
      event.preventDefault();
      event.stopPropagation();
      setTarget(pathname.replace(/^\/console/, "") + search || "/");
    };
    addEventListener("beforeunload", ask);
    document.addEventListener("click", look, true);
    return () => {
      removeEventListener("beforeunload", ask);
      document.removeEventListener("click", look, true);
    };
  }, [isDirty]);

  return (
    <Dialog alert title={crewTexts.leave.title} isOpen={target !== undefined} onOpenChange={() => setTarget(undefined)}>
      <p>{crewTexts.leave.text}</p>
      <DialogActions>
        <Button
          kind="danger"
          onPress={() => {
            onLeave();
            if (target) navigate(target);
          }}
        >
          {crewTexts.leave.leave}
        </Button>
        <Button kind="primary" autoFocus onPress={() => setTarget(undefined)}>
          {crewTexts.leave.stay}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
