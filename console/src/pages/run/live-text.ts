import type { TextDelta } from "@kasal/client";

/** More characters of a text than anybody reads while it is written: its beginning goes. */
const LONGEST = 20_000;

export interface LiveText {
  taskId: string;
  agent: string;
  attempt: number;
  turn: number;
  text: string;
  /** UTF-16 units that were cut off at the beginning. */
  cut: number;
}

/** The texts that models are writing, beside the events: one for each agent of a task. */
export class LiveTexts {
  readonly #texts = new Map<string, LiveText>();

  get size(): number {
    return this.#texts.size;
  }

  of(taskId: string): LiveText[] {
    return [...this.#texts.values()].filter((text) => text.taskId === taskId);
  }

  /** Adds a piece. Returns whether it belongs to what is known; if not, a piece before it is missing. */
  add(delta: TextDelta): boolean {
    const key = keyOf(delta.task_id, delta.agent);
    const known = this.#texts.get(key);
    if (known && isOlder(delta, known)) return false;
    const same = known && known.attempt === delta.attempt && known.turn === delta.turn;
    const { text, cut } = same ? known : { text: "", cut: 0 };
    if (delta.offset > cut + text.length || delta.offset < cut) return false;
    const whole = text.slice(0, delta.offset - cut) + delta.text;
    const over = Math.max(0, whole.length - LONGEST);
    this.#texts.set(key, {
      taskId: delta.task_id,
      agent: delta.agent,
      attempt: delta.attempt,
      turn: delta.turn,
      text: whole.slice(over),
      cut: cut + over,
    });
    return true;
  }

  /** Drops a text whose whole is there. */
  drop(taskId: string, agent: string): void {
    this.#texts.delete(keyOf(taskId, agent));
  }

  clear(): void {
    this.#texts.clear();
  }
}

function keyOf(taskId: string, agent: string): string {
  return `${taskId}\n${agent}`;
}

function isOlder(delta: TextDelta, known: LiveText): boolean {
  return delta.attempt < known.attempt || (delta.attempt === known.attempt && delta.turn < known.turn);
}
