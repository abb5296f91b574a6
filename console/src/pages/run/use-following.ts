import { type RefObject, useEffect, useState } from "react";

/** Whether a view keeps the newest in sight: until somebody scrolls, and again when asked to. */
export function useFollowing(scroller: RefObject<HTMLElement | null>, possible: boolean) {
  const [wanted, setWanted] = useState(true);
  useEffect(() => {
    const element = scroller.current;
    if (!element || !possible) return;
    const stop = () => setWanted(false);
    // Its own scrolling gives scroll events, too: only these come from a person.
    const grab = (event: PointerEvent) => event.target === element && stop();
    element.addEventListener("wheel", stop, { passive: true });
    element.addEventListener("touchmove", stop, { passive: true });
    element.addEventListener("pointerdown", grab);
    return () => {
      element.removeEventListener("wheel", stop);
      element.removeEventListener("touchmove", stop);
      element.removeEventListener("pointerdown", grab);
    };
  }, [scroller, possible]);
  return { possible, on: possible && wanted, start: () => setWanted(true), stop: () => setWanted(false) };
}
