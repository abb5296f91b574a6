export const inboxTexts = {
  list: "Questions, oldest first",
  keys: "J and K move between questions; A approves, E edits, R rejects.",
  failed: "The questions could not be read.",
  none: "Nobody waits for you",
  noneText:
    "Runs ask here before a tool is called that needs a yes (approvals of an agent), before an answer is used (human_input of a task), or when an agent wants to know something (the tool ask_person). Nothing runs while it waits, and nothing is lost.",
} as const;
