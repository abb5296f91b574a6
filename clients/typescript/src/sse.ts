/** A message of an event stream, as the HTML standard reads `text/event-stream` (9.2.6). */
export interface StreamMessage {
  event: string;
  data: string;
  id: string | undefined;
}

/** More characters than an event may have (2 MiB of UTF-8): a message beyond it is no event of the platform. */
const LONGEST = 8 * 1024 * 1024;

/**
 * Reads messages out of text that comes in pieces. What it keeps is at most one unfinished message, and each character is
 * looked at once, however small the pieces are.
 */
export class StreamReader {
  /** The line that has not ended yet. */
  #pieces: string[] = [];
  #length = 0;
  /** A `\r` at the end of a piece, which may be half of `\r\n`. */
  #half = "";
  #data: string[] = [];
  #size = 0;
  #event = "";
  #id: string | undefined;

  /** Returns the messages that `text` completes. */
  *read(text: string): Generator<StreamMessage> {
    const given = this.#half + text;
    this.#half = given.endsWith("\r") ? "\r" : "";
    const whole = this.#half ? given.slice(0, -1) : given;
    let start = 0;
    for (const { 0: end, index } of whole.matchAll(/\r\n|[\r\n]/g)) {
      const message = this.#line(this.#pieces.join("") + whole.slice(start, index));
      this.#pieces = [];
      this.#length = 0;
      start = index + end.length;
      if (message) yield message;
    }
    this.#pieces.push(whole.slice(start));
    this.#length += whole.length - start;
    this.#bound(this.#length);
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
