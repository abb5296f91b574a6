/** A message of an event stream, as the HTML standard reads `text/event-stream` (9.2.6). */
export interface StreamMessage {
  event: string;
  data: string;
  id: string | undefined;
}

/** More characters than an event may have (2 MiB of UTF-8): a message beyond it is no event of the platform. */
const LONGEST = 8 * 1024 * 1024;

/** Reads messages out of text that comes in pieces. What it keeps is at most one unfinished message. */
export class StreamReader {
  #rest = "";
  #data: string[] = [];
  #size = 0;
  #event = "";
  #id: string | undefined;

  /** Returns the messages that `text` completes. */
  *read(text: string): Generator<StreamMessage> {
    const whole = this.#rest + text;
    let start = 0;
    for (;;) {
      const end = lineEnd(whole, start);
      if (end < 0) break;
      const message = this.#line(whole.slice(start, end));
      start = end + (whole.startsWith("\r\n", end) ? 2 : 1);
      if (message) yield message;
    }
    this.#rest = whole.slice(start);
    this.#bound(this.#rest.length);
  }

  #line(line: string): StreamMessage | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "data") {
      this.#bound(value.length);
      this.#size += value.length;
      this.#data.push(value);
    } else if (field === "event") this.#event = value;
    else if (field === "id") this.#id = value;
    return undefined;
  }

  #dispatch(): StreamMessage | undefined {
    const message = { event: this.#event || "message", data: this.#data.join("\n"), id: this.#id };
    const empty = this.#data.length === 0;
    this.#data = [];
    this.#size = 0;
    this.#event = "";
    this.#id = undefined;
    return empty ? undefined : message;
  }

  #bound(more: number): void {
    if (this.#size + more > LONGEST) throw new RangeError("A message of the event stream is too long.");
  }
}

/** The index of the line's end, or -1 if it has not come yet; a `\r` at the very end may be half of `\r\n`. */
function lineEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 10) return at;
    if (code === 13) return at + 1 < text.length ? at : -1;
  }
  return -1;
}
