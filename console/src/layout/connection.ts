import { KasalError } from "@kasal/client";
import { useEffect, useState, useSyncExternalStore } from "react";
import { queryClient } from "../api/query-client.ts";

export type Connection = "ok" | "offline" | "unreachable";

/** Milliseconds between two looks at whether the platform is back. */
const AGAIN = 3_000;

function isUnreachable(error: unknown): boolean {
  return error instanceof KasalError && (error.status === 0 || error.status === 502);
}

/** Whether the platform can be reached, as the pages' own requests tell; while it cannot, it is asked again and again. */
export function useConnection(): Connection {
  const online = useSyncExternalStore(subscribeOnline, () => navigator.onLine);
  const [reachable, setReachable] = useState(true);
  useEffect(
    () =>
      queryClient.getQueryCache().subscribe((event) => {
        if (event.type !== "updated") return;
        if (event.action.type === "success") setReachable(true);
        if (event.action.type === "error" && isUnreachable(event.action.error)) setReachable(false);
      }),
    [],
  );
  useEffect(() => {
    if (reachable) return;
    const timer = setInterval(async () => {
      const answer = await fetch("/healthz", { signal: AbortSignal.timeout(AGAIN) }).catch(() => undefined);
      if (!answer?.ok) return;
      setReachable(true);
      void queryClient.invalidateQueries();
    }, AGAIN);
    return () => clearInterval(timer);
  }, [reachable]);
  return !online ? "offline" : reachable ? "ok" : "unreachable";
}

function subscribeOnline(listener: () => void): () => void {
  window.addEventListener("online", listener);
  window.addEventListener("offline", listener);
  return () => {
    window.removeEventListener("online", listener);
    window.removeEventListener("offline", listener);
  };
}
