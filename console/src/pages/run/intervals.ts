/** Merged intervals in their order: when anything was at work. Those with less than `slack` between them are one. */
export class Intervals {
  readonly #slack: number;
  readonly list: [start: number, end: number][] = [];

  constructor(slack = 0) {
    this.#slack = slack;
  }

  /** Adds an interval. It costs as many steps as it overlaps or stands before others: nearly always one. */
  add(start: number, end: number): void {
    let from = Math.min(start, end);
    let to = Math.max(start, end);
    let at = this.list.length;
    while (at > 0 && this.list[at - 1]![1] >= from - this.#slack) at--;
    let upto = at;
    while (upto < this.list.length && this.list[upto]![0] <= to + this.#slack) {
      from = Math.min(from, this.list[upto]![0]);
      to = Math.max(to, this.list[upto]![1]);
      upto++;
    }
    this.list.splice(at, upto - at, [from, to]);
  }
}
