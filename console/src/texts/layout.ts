export const layoutTexts = {
  shortcuts: "Keyboard shortcuts",
  search: "Search",
  searchLabel: "A page, a crew, or the id of a run",
  results: "Results",
  nothing: "Nothing is called that. Runs are found by their id, which begins with job_.",
  page: "Page",
  crew: "Crew",
  run: "Run",
  inboxKeys: [
    ["j", "Inbox: next question"],
    ["k", "Inbox: previous question"],
    ["a", "Inbox: approve"],
    ["e", "Inbox: edit"],
    ["r", "Inbox: reject"],
  ] as const,
  roles: { viewer: "Viewer", editor: "Editor", admin: "Admin", owner: "Owner" } as Record<string, string>,
  waiting: (n: number) => (n === 1 ? "1 question waits" : `${n} questions wait`),
} as const;
