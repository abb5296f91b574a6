/** The keys of a question, and the button that each presses. */
const BUTTONS: Record<string, string> = { a: "approve", e: "edit", r: "reject" };

/** Focuses the question after or before the one that has the focus; `leaving` if that one is about to go. */
export function moveFocus(list: HTMLElement | null, step: 1 | -1, leaving = false): boolean {
  const items = [...(list?.children ?? [])] as HTMLElement[];
  const at = items.findIndex((item) => item.contains(document.activeElement));
  const next = at < 0 ? (leaving ? undefined : items[0]) : (items[at + step] ?? (leaving ? items[at - 1] : undefined));
  next?.focus();
  return next !== undefined;
}

/** Presses the button of the question that a key stands for. */
export function pressAnswer(target: Element | null, key: string): boolean {
  const name = BUTTONS[key];
  const button = name && target?.closest("[data-question]")?.querySelector<HTMLElement>(`[data-answer="${name}"]`);
  if (!button) return false;
  button.click();
  return true;
}
