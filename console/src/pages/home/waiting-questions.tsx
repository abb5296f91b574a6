import { useQuery } from "@tanstack/react-query";
import { keys, useKasal } from "../../api/index.ts";
import { QuestionCard } from "../../questions/index.ts";
import { homeTexts } from "../../texts/home.ts";
import { questionTexts } from "../../texts/questions.ts";
import { Link, Section, toast } from "../../ui/index.ts";

/** The questions that have waited longest, to be answered here. */
export function WaitingQuestions() {
  const kasal = useKasal();
  const questions = useQuery({
    queryKey: [...keys.questions, "oldest"],
    queryFn: ({ signal }) => kasal.get("/questions", { query: { page_size: 2 }, signal }),
    refetchInterval: 15_000,
  });
  if (!questions.data?.questions.length) return null;
  return (
    <Section
      title={homeTexts.questions}
      actions={
        <Link href="/inbox">
          {questions.data.total > 2 ? homeTexts.allQuestions(questions.data.total) : homeTexts.inbox}
        </Link>
      }
    >
      {questions.data.questions.map((question) => (
        <QuestionCard
          key={question.question_id}
          jobId={question.job_id}
          question={question}
          beside={<Link href={`/runs/${question.job_id}`}>{questionTexts.run}</Link>}
          onAnswered={(answer) => toast(questionTexts.done[answer.outcome ?? "answered"] ?? "")}
        />
      ))}
    </Section>
  );
}
