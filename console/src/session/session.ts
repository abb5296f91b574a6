import { Kasal, KasalError } from "@kasal/client";
import { useSyncExternalStore } from "react";
import { loginOf } from "./claims.ts";
import { forgetKept } from "./kept.ts";

/** Who uses the console, as far as it knows. */
export interface SessionView {
  state: "starting" | "in" | "out";
  /** The session ended by itself: the login page says so. */
  expired: boolean;
}

/**
 * The access token is in this module's memory alone. The refresh token is in a cookie that no script can read, which all
 * tabs share; so they share the login, too.
 */
let access: string | undefined;
let view: SessionView = { state: "starting", expired: false };
let refreshing: Promise<string | undefined> | undefined;
const listeners = new Set<() => void>();
const BY_COOKIE = { session: "cookie" } as const;
/** That there may be a cookie: without it, a first visit would begin with a refused request. It is no secret. */
const HINT = "kasal.session";
const LOCK = "kasal.session";
const MOST_TRIES = 5;
let tabs: BroadcastChannel | undefined;

/** The client of the whole console. */
export const kasal = new Kasal({ token: (refused) => (refused === undefined ? access : renewed(refused)) });

/** A client with the session's token that sends in another way, such as one that tells how much is sent. It tries once. */
export function clientOver(sending: typeof fetch): Kasal {
  return new Kasal({
    token: (refused) => (refused === undefined ? access : renewed(refused)),
    fetch: sending,
    retries: 0,
  });
}

/** The client for requests that need no token. */
const open = new Kasal();

function show(next: SessionView): void {
  view = next;
  for (const listener of listeners) listener();
}

/** Takes up the session of an earlier page or another tab, if there is one. */
export function startSession(): void {
  if (view.state !== "starting") return;
  tabs ??= new BroadcastChannel("kasal.session");
  tabs.onmessage = ({ data }: MessageEvent<string>) => follow(data);
  if (localStorage.getItem(HINT) === null) show({ state: "out", expired: false });
  else void takeUp();
}

/** Asks again while the platform cannot say, as when it starts: a login would be asked for that is there. */
async function takeUp(): Promise<void> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    if (tries > 0) await new Promise((go) => setTimeout(go, 1000 * tries));
    await renewed(undefined);
    if (view.state !== "starting") return;
  }
  show({ state: "out", expired: false });
}

/** Does what another tab has done: `login` is whose it is now, or empty after a logout. */
function follow(login: string): void {
  if (!access) {
    if (login) void takeUp();
  } else if (!login) {
    end(false);
    forgetKept();
  } else if (login !== loginOf(access)) {
    location.reload(); // nothing that this tab shows is right any more
  }
}

export async function logIn(email: string, password: string): Promise<void> {
  const answer = await open.post("/auth/login", { body: { email, password, ...BY_COOKIE } });
  begin(answer.access_token);
}

/** Ends the session, here and at the platform. Throws `KasalError` if the platform did not hear of it: it goes on then. */
export async function logOut(): Promise<void> {
  await kasal.post("/auth/logout", { body: BY_COOKIE }).catch((error: unknown) => {
    if (!(error instanceof KasalError && error.status === 401)) throw error; // refused: it has ended already
  });
  end(false);
  forgetKept();
  tabs?.postMessage("");
}

/** Enters another workspace. What was read of the old one must be forgotten by the caller. */
export async function enterWorkspace(workspaceId: string): Promise<void> {
  const answer = await kasal.post("/auth/switch", { body: { workspace_id: workspaceId, ...BY_COOKIE } });
  begin(answer.access_token);
}

function begin(token: string): void {
  access = token;
  localStorage.setItem(HINT, "1");
  show({ state: "in", expired: false });
  tabs?.postMessage(loginOf(token));
}

function end(expired: boolean): void {
  access = undefined;
  localStorage.removeItem(HINT);
  show({ state: "out", expired });
}

/** Returns another token than the refused one, by one request however many callers and tabs ask. */
function renewed(refused: string | undefined): Promise<string | undefined> | string | undefined {
  if (access !== refused) return access;
  refreshing ??= exclusively(refresh).finally(() => {
    refreshing = undefined;
  });
  return refreshing;
}

/** One tab after the other, where the browser offers that; the platform bears two at once as well. */
function exclusively<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request(LOCK, work) : work();
}

async function refresh(): Promise<string | undefined> {
  const before = access;
  try {
    const { access_token } = await open.post("/auth/refresh", { body: BY_COOKIE });
    access = access_token;
    if (before !== undefined && loginOf(before) !== loginOf(access_token)) location.reload();
    if (view.state !== "in") show({ state: "in", expired: false });
    return access;
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
