/** What a failed request says: `{"error": {"code", "message", "details", "request_id"}}`. */
export interface ErrorAnswer {
  code?: string;
  message?: string;
  details?: Record<string, unknown>;
  request_id?: string;
}

/** A request that failed. `status` is 0, and `code` `NETWORK` or `TIMEOUT`, if there was no answer. */
export class KasalError extends Error {
  override readonly name = "KasalError";
  readonly status: number;
  readonly code: string;
  readonly details: Record<string, unknown>;
  /** Names the request in the platform's logs. */
  readonly requestId: string | undefined;
  /** Seconds after which the platform would answer again, if it says so. */
  readonly retryAfter: number | undefined;

  constructor(status: number, answer: ErrorAnswer, more: { retryAfter?: number; cause?: unknown } = {}) {
    super(answer.message ?? `The platform answered with status ${status}.`, { cause: more.cause });
    this.status = status;
    this.code = answer.code ?? "UNKNOWN";
    this.details = answer.details ?? {};
    this.requestId = answer.request_id;
    this.retryAfter = more.retryAfter;
  }

  /** Reads the error out of an answer; one that is not the platform's own, such as a proxy's page, keeps its status. */
  static async of(response: Response): Promise<KasalError> {
    const answer = (await response.json().catch(() => undefined)) as { error?: ErrorAnswer } | undefined;
    const requestId = response.headers.get("X-Request-ID") ?? undefined;
    return new KasalError(
      response.status,
      { request_id: requestId, ...answer?.error },
      { retryAfter: secondsOf(response.headers.get("Retry-After")) },
    );
  }

  /** No answer came: the connection failed, or the time was over. */
  static unreachable(cause: unknown): KasalError {
    const late = cause instanceof DOMException && cause.name === "TimeoutError";
    const answer = late
      ? { code: "TIMEOUT", message: "The platform did not answer in time." }
      : { code: "NETWORK", message: "The platform cannot be reached." };
    return new KasalError(0, answer, { cause });
  }
}

/** Reads `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). */
export function secondsOf(header: string | null): number | undefined {
  if (!header) return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}
