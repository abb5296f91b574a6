import { useMutation, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useLocation } from "wouter";
import { keys, useKasal, useMay } from "../api/index.ts";
import { exampleTexts } from "../texts/examples.ts";
import { Button, Dialog, icons, Problem, SkeletonRows } from "../ui/index.ts";
import styles from "./examples.module.css";
import { type Example, examples } from "./index.ts";
import { startExample } from "./start.ts";

const Recipe = lazy(() => import("./recipe.tsx"));

/** The ready-made crews, each to be started with one press, or as code. */
export function ExampleCards() {
  const kasal = useKasal();
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const may = useMay("editor");
  const [shown, setShown] = useState<Example>();
  const start = useMutation({
    mutationFn: (example: Example) => startExample(kasal, example),
    onSuccess: (jobId) => {
      void client.invalidateQueries({ queryKey: keys.allCrews });
      void client.invalidateQueries({ queryKey: keys.allExecutions });
      navigate(`/runs/${jobId}`);
    },
  });
  return (
    <div className={styles.examples}>
      {start.error && <Problem error={start.error} what={exampleTexts.failed} />}
      <ul className={styles.cards}>
        {examples.map((example) => (
          <li key={example.id} className={styles.card}>
            <h3>{example.title}</h3>
            <p>{example.text}</p>
            <div className={styles.actions}>
              <Button
                kind="primary"
                isDisabled={!may}
                isPending={start.isPending && start.variables === example}
                aria-label={exampleTexts.startNamed(example.title)}
                onPress={() => !start.isPending && start.mutate(example)}
              >
                <icons.PlayIcon size={12} /> {exampleTexts.start}
              </Button>
              <Button
                kind="quiet"
                aria-label={exampleTexts.asCodeNamed(example.title)}
                onPress={() => setShown(example)}
              >
                {exampleTexts.asCode}
              </Button>
            </div>
          </li>
        ))}
      </ul>
      <Dialog wide title={shown?.title ?? ""} isOpen={!!shown} onOpenChange={(open) => !open && setShown(undefined)}>
        {shown && (
          <Suspense fallback={<SkeletonRows />}>
            <Recipe example={shown} />
          </Suspense>
        )}
      </Dialog>
    </div>
  );
}
