import type { components, operations, paths } from "./api.gen.ts";
import type { EventsByType, TextDelta } from "./events.gen.ts";

/** The schemas of the API's reference, by name: `Schemas["CrewView"]`. */
export type Schemas = components["schemas"];
export type { components, operations, paths };

export type EventType = keyof EventsByType;
/** One stored event of a job; `type` says which. */
export type TraceEvent = EventsByType[EventType];
/** What `watch` yields. */
export type WatchedEvent = TraceEvent | TextDelta;

export type Method = "get" | "post" | "put" | "delete";

/** The paths that have a method. */
export type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never;
}[keyof paths];

export type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>;

type JsonOf<Content> = Content extends { "application/json": infer Json } ? Json : unknown;

type Answers<Responses> = {
  [Status in keyof Responses]: `${Status & number}` extends `2${string}`
    ? Responses[Status] extends { content: infer Content }
      ? [Content] extends [undefined]
        ? undefined
        : JsonOf<Content>
      : undefined
    : never;
}[keyof Responses];

/** What a route answers. */
export type Answer<Op> = Op extends { responses: infer Responses } ? Answers<Responses> : never;

type Parameters<Op> = Op extends { parameters: infer All } ? All : never;
type PathOf<Op> = Parameters<Op> extends { path: infer Path } ? { path: Path } : { path?: undefined };
type QueryOf<Op> =
  Parameters<Op> extends { query: infer Query }
    ? { query: Query }
    : Parameters<Op> extends { query?: infer Query }
      ? { query?: NonNullable<Query> }
      : { query?: undefined };
type Sent<Content> = Content extends { "application/json": infer Json } ? Json : BodyInit;
type BodyOf<Op> = Op extends { requestBody: { content: infer Content } }
  ? { body: Sent<Content> }
  : Op extends { requestBody?: { content: infer Content } }
    ? { body?: Sent<NonNullable<Content>> }
    : { body?: undefined };

export interface CommonOptions {
  signal?: AbortSignal;
  /** Milliseconds for one try; 30,000 if the client was not told otherwise. */
  timeout?: number;
  headers?: Record<string, string>;
  /** Of a POST that creates. One is made if there is none, so that a repeated request creates nothing twice. */
  idempotencyKey?: string;
  /** The route answers the same POST twice alike, so that it may be sent again, as an answer to a question may. */
  repeatable?: boolean;
}

export type Options<Op> = CommonOptions & PathOf<Op> & QueryOf<Op> & BodyOf<Op>;

type RequiredKeys<T> = { [Key in keyof T]-?: object extends Pick<T, Key> ? never : Key }[keyof T];

/** `[options?]` if nothing is required, else `[options]`. */
export type Arguments<Op> = [RequiredKeys<Options<Op>>] extends [never]
  ? [options?: Options<Op>]
  : [options: Options<Op>];
