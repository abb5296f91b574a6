export const exampleTexts = {
  start: "Start",
  startNamed: (title: string) => `Start: ${title}`,
  asCode: "As code",
  asCodeNamed: (title: string) => `As code: ${title}`,
  failed: "The example was not started.",
  languages: { curl: "curl", kasal: "kasal", python: "Python" },
} as const;
