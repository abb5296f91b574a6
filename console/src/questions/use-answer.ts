import { useMutation, useQueryClient } from "@tanstack/react-query";
import { keys, useKasal } from "../api/index.ts";
import type { Answer, Question } from "./model.ts";

/** Sends the answer to a question. It is not shown before the platform has taken it: it cannot be undone. */
export function useAnswer(jobId: string, question: Question, onAnswered?: (answer: Answer) => void) {
  const kasal = useKasal();
  const client = useQueryClient();
  const reread = () => {
    void client.invalidateQueries({ queryKey: keys.questions });
    void client.invalidateQueries({ queryKey: keys.execution(jobId) });
    void client.invalidateQueries({ queryKey: keys.allExecutions });
  };
  return useMutation({
    mutationFn: (answer: Answer) =>
      kasal.post("/executions/{job_id}/input", {
        path: { job_id: jobId },
        body: { ...answer, question_id: question.question_id },
        repeatable: true,
      }),
    onSuccess: (_, answer) => {
      onAnswered?.(answer);
      reread();
    },
  });
}
