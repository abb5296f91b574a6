import { Kasal, KasalError } from "@kasal/client";
import { useSyncExternalStore } from "react";

/** Who uses the console, as far as it knows. Tokens are in this module's memory alone, never in a storage. */
export interface SessionView {
  state: "starting" | "in" | "out";
  /** The session ended by itself: the login page says so. */
  expired: boolean;
}

interface Tokens {
  access: string;
  refresh: string;
}

let view: SessionView = { state: "starting", expired: false };
let tokens: Tokens | undefined;
let refreshing: Promise<string | undefined> | undefined;
const listeners = new Set<() => void>();

/** The client of the whole console. */
export const kasal = new Kasal({ token: (refused) => (refused === undefined ? tokens?.access : renewed(refused)) });

/** The client for requests that need no token. */
const open = new Kasal();

function show(next: SessionView): void {
  view = next;
  for (const listener of listeners) listener();
}

/** Takes up the session of an earlier page, if there is one. */
export function startSession(): void {
  if (view.state === "starting") show({ state: "out", expired: false });
}

export async function logIn(email: string, password: string): Promise<void> {
  const answer = await open.post("/auth/login", { body: { email, password } });
  tokens = { access: answer.access_token, refresh: answer.refresh_token };
  show({ state: "in", expired: false });
}

export async function logOut(): Promise<void> {
  const refresh = tokens?.refresh;
  await kasal.post("/auth/logout", { body: { refresh_token: refresh } }).catch(() => undefined);
  end(false);
}

/** Enters another workspace. What was read of the old one must be forgotten by the caller. */
export async function enterWorkspace(workspaceId: string): Promise<void> {
  const answer = await kasal.post("/auth/switch", { body: { workspace_id: workspaceId } });
  tokens = { access: answer.access_token, refresh: answer.refresh_token };
}

function end(expired: boolean): void {
  tokens = undefined;
  show({ state: "out", expired });
}

/** Returns another token than the refused one, by one request however many callers ask. */
function renewed(refused: string): Promise<string | undefined> | string | undefined {
  if (tokens && tokens.access !== refused) return tokens.access;
  refreshing ??= refresh().finally(() => {
    refreshing = undefined;
  });
  return refreshing;
}

async function refresh(): Promise<string | undefined> {
  if (!tokens) return undefined;
  try {
    const answer = await open.post("/auth/refresh", { body: { refresh_token: tokens.refresh } });
    tokens = { access: answer.access_token, refresh: answer.refresh_token };
    return tokens.access;
  } catch (error) {
    if (error instanceof KasalError && error.status === 401) end(true);
    return undefined;
  }
}

export function useSession(): SessionView {
  return useSyncExternalStore(subscribe, () => view);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
