import type { Schemas } from "@kasal/client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { kasal, keys, useMay } from "../../api/index.ts";
import type { Written } from "../../forms/record.ts";
import { RecordForm } from "../../forms/record-form.tsx";
import { usageTexts } from "../../texts/usage.ts";
import { Button, Dialog, formats, Moment, Problem, Section, SkeletonRows, toast } from "../../ui/index.ts";
import { Removal } from "../../ui/removal.tsx";
import { shareOf } from "./model.ts";
import styles from "./usage.module.css";

const texts = usageTexts.budget;
type Status = Schemas["BudgetStatus"];

/** The workspace's budget, and how much of it is spent. */
export function Budget() {
  const [isOpen, open] = useState(false);
  const mayChange = useMay("admin");
  const budget = useQuery({
    queryKey: keys.budget,
    queryFn: ({ signal }) => kasal.get("/workspace/budget", { signal }),
    refetchInterval: 15_000,
  });
  const { data } = budget;
  const isSet = !!data && (data.max_cost_usd !== null || data.max_tokens !== null);
  return (
    <Section
      title={texts.title}
      actions={
        mayChange && data ? (
          <Button small onPress={() => open(true)}>
            {isSet ? texts.change : texts.set}
          </Button>
        ) : undefined
      }
    >
      {budget.error && <Problem what={texts.couldNotRead} error={budget.error} onRetry={() => budget.refetch()} />}
      {budget.isPending && <SkeletonRows count={1} />}
      {data && !isSet && <p className={styles.help}>{texts.none}</p>}
      {data && isSet && <Spent status={data} />}
      {isOpen && data && (
        <Dialog title={texts.formTitle} isOpen onOpenChange={open}>
          <BudgetForm status={data} isSet={isSet} onClose={() => open(false)} />
        </Dialog>
      )}
    </Section>
  );
}

function Spent({ status }: { status: Status }) {
  const { max_cost_usd, max_tokens, spent, reserved } = status;
  return (
    <div className={styles.spent}>
      {max_cost_usd !== null && (
        <Bar
          label={texts.bars.cost}
          share={shareOf(spent?.cost_usd ?? 0, max_cost_usd)}
          text={texts.spent(formats.money(spent?.cost_usd ?? 0), formats.money(max_cost_usd))}
          more={reserved?.cost_usd ? texts.reserved(formats.money(reserved.cost_usd)) : undefined}
        />
      )}
      {max_tokens !== null && (
        <Bar
          label={texts.bars.tokens}
          share={shareOf(spent?.tokens ?? 0, max_tokens)}
          text={`${texts.spent(formats.tokens(spent?.tokens ?? 0), formats.tokens(max_tokens))} tokens`}
          more={reserved?.tokens ? texts.reserved(formats.tokens(reserved.tokens)) : undefined}
        />
      )}
      <p className={styles.help}>
        {texts.resets} <Moment at={status.resets_at} />
      </p>
    </div>
  );
}

function Bar({ label, share, text, more }: { label: string; share: number; text: string; more: string | undefined }) {
  return (
    <div>
      <div className={styles.row}>
        <strong>{text}</strong> {more && <span className={styles.help}>{more}</span>}
      </div>
      <meter className={styles.meter} aria-label={label} min={0} max={1} high={0.8} optimum={0} value={share} />
    </div>
  );
}

function BudgetForm({ status, isSet, onClose }: { status: Status; isSet: boolean; onClose: () => void }) {
  const [value, setValue] = useState<Written>(() => ({
    ...(status.max_cost_usd === null ? {} : { max_cost_usd: status.max_cost_usd }),
    ...(status.max_tokens === null ? {} : { max_tokens: status.max_tokens }),
  }));
  const client = useQueryClient();
  const done = async (said: string) => {
    toast(said);
    onClose();
    await client.invalidateQueries({ queryKey: keys.budget });
  };
  const save = useMutation({
    mutationFn: () =>
      kasal.put("/workspace/budget", { body: { per: "month", ...value } as Schemas["BudgetOfWorkspace"] }),
    onSuccess: () => done(texts.saved),
  });
  return (
    <>
      <p className={styles.help}>{texts.lead}</p>
      <RecordForm
        schema="BudgetOfWorkspace"
        first={["max_cost_usd", "max_tokens"]}
        without={["per"]}
        value={value}
        onChange={setValue}
        onSubmit={() => save.mutate()}
        submit={texts.save}
        isPending={save.isPending}
        error={save.error}
        failed={texts.failed}
      />
      {isSet && (
        <Removal
          open={texts.remove}
          title={texts.removing}
          text={texts.removingText}
          confirm={texts.remove}
          failed={texts.notRemoved}
          remove={() => kasal.delete("/workspace/budget")}
          onRemoved={() => done(texts.removed)}
        />
      )}
    </>
  );
}
