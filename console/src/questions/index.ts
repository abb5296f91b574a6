export { Diff } from "./diff.tsx";
export { type Answer, afterExpiry, type Outcome, type Question } from "./model.ts";
export { QuestionCard, type QuestionCardProps } from "./question-card.tsx";
export { useAnswer } from "./use-answer.ts";
