export const formTexts = {
  add: "Add",
  remove: "Remove",
  up: "Up",
  down: "Down",
  copy: "Copy",
  clear: "Clear",
} as const;
