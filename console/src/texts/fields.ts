export const fieldTexts = {
  chosen: "chosen",
  removeEntry: (what: string) => `Remove ${what}`,
  addEntry: "Write one and press Enter",
  pick: "Pick one",
  pickOrWrite: "Pick one, or write and press Enter",
  more: "More",
  notSet: "not set",
  notJson: (why: string) => `This is not JSON yet, and not taken over: ${why}`,
} as const;
