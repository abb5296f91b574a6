import { KasalError, type Schemas } from "@kasal/client";
import { questionTexts } from "../texts/questions.ts";

/** A question as a job shows it. The inbox's entries are such ones, and name their job and crew. */
export type Question = Schemas["QuestionView"];
export type Answer = Schemas["ExecutionInput"];
export type Outcome = NonNullable<Answer["outcome"]>;

/** What the inbox cuts: a prompt that may go on, and arguments that are too long for a list. */
const LONGEST_PROMPT = 2000;

/** Whether the job has more of the question than is here: nobody should decide on a part of it. */
export function isCut(question: Question): boolean {
  return question.prompt.length >= LONGEST_PROMPT || (!!question.tool_call && question.tool_call.arguments === null);
}

/** What follows when nobody answers in time, as a sentence. */
export function afterExpiry(onExpiry: string | null | undefined): string {
  if (onExpiry?.startsWith("answer:")) return questionTexts.thenAnswer(onExpiry.slice("answer:".length));
  return questionTexts.thenTexts[onExpiry ?? "fail"] ?? questionTexts.thenTexts.fail!;
}

export function hasExpired(question: Question, now: number): boolean {
  return !!question.expires_at && Date.parse(question.expires_at) <= now;
}

/** Returns the arguments that a text holds, or what is wrong with it. */
export function argumentsOf(text: string): { value: Record<string, unknown> } | { error: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { error: questionTexts.notJson(error instanceof Error ? error.message : String(error)) };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { error: questionTexts.notObject };
  return { value: value as Record<string, unknown> };
}

/** JSON with sorted keys, so that a difference is one of values. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(
    value,
    (_, inner) => (isObject(inner) ? Object.fromEntries(Object.entries(inner).sort()) : inner),
    2,
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export interface Verdict {
  outcome: string;
  by?: string | undefined;
  comment?: string | undefined;
  input?: unknown;
}

/** What somebody else has answered, if that is why an answer was refused. */
export function verdictOf(error: unknown): Verdict | "gone" | undefined {
  if (!(error instanceof KasalError)) return undefined;
  if (error.status === 404) return "gone";
  if (error.status !== 409) return undefined;
  const first = error.details.answer;
  if (!isObject(first)) return "gone";
  const { outcome, by, comment, input, expired } = first;
  return {
    outcome: expired ? "expired" : String(outcome ?? "answered"),
    by: typeof by === "string" ? by : undefined,
    comment: typeof comment === "string" ? comment : undefined,
    input,
  };
}
