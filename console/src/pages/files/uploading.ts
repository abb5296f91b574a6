import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import { keys } from "../../api/index.ts";
import { clientOver } from "../../session/session.ts";
import { fetchWithProgress } from "./sending.ts";

/** A file on its way. */
export interface Upload {
  id: number;
  name: string;
  size: number;
  sent: number;
  state: "waiting" | "sending" | "done" | "failed";
  error: unknown;
}

/** How many go at once: more would only share the line. */
const AT_ONCE = 2;

/** Sends files one after another, tells how far they are, and stops those that are cancelled. */
export function useUploads() {
  const [uploads, setUploads] = useState<readonly Upload[]>([]);
  const waiting = useRef<{ id: number; file: File }[]>([]);
  const running = useRef(new Map<number, AbortController>());
  const lastId = useRef(0);
  const client = useQueryClient();

  const change = useCallback(
    (id: number, next: Partial<Upload>) =>
      setUploads((known) => known.map((each) => (each.id === id ? { ...each, ...next } : each))),
    [],
  );

  const next = useCallback(() => {
    while (running.current.size < AT_ONCE) {
      const job = waiting.current.shift();
      if (!job) return;
      const stop = new AbortController();
      running.current.set(job.id, stop);
      change(job.id, { state: "sending" });
      sendFile(job.file, stop.signal, (sent) => change(job.id, { sent }))
        .then(
          () => {
            change(job.id, { state: "done", sent: job.file.size });
            return client.invalidateQueries({ queryKey: keys.allFiles });
          },
          (error) => change(job.id, { state: "failed", error }),
        )
        .finally(() => {
          running.current.delete(job.id);
          next();
        });
    }
  }, [change, client]);

  const add = useCallback(
    (files: readonly File[]) => {
      const jobs = files.map((file) => ({ id: ++lastId.current, file }));
      waiting.current.push(...jobs);
      setUploads((known) => [
        ...known,
        ...jobs.map(
          ({ id, file }): Upload => ({
            ...{ id, name: file.name, size: file.size, sent: 0 },
            state: "waiting",
            error: undefined,
          }),
        ),
      ]);
      next();
    },
    [next],
  );

  const remove = useCallback((id: number) => {
    waiting.current = waiting.current.filter((job) => job.id !== id);
    running.current.get(id)?.abort();
    setUploads((known) => known.filter((each) => each.id !== id));
  }, []);

  return { uploads, add, remove };
}

async function sendFile(file: File, signal: AbortSignal, onSent: (bytes: number) => void): Promise<void> {
  const client = clientOver(fetchWithProgress((bytes) => onSent(Math.min(file.size, bytes))));
  const body = new FormData();
  body.append("file", file, file.name);
  // No time limit: a large file on a slow line takes as long as it takes, and shows how far it is.
  await client.send("POST", "/files", { body, signal, timeout: 0 });
}
