export { KasalError } from "./errors.ts";
export type { EventsByType, TextDelta } from "./events.gen.ts";
export { Kasal, type KasalSettings } from "./kasal.ts";
export type { Answer, EventType, Operation, paths, Schemas, TraceEvent, WatchedEvent } from "./types.ts";
export { isEnd, type WatchOptions, type WatchState } from "./watch.ts";
