import type { Schemas } from "@kasal/client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { kasal, keys, useMay } from "../../api/index.ts";
import { reasonsOf, type Written } from "../../forms/record.ts";
import { RecordForm } from "../../forms/record-form.tsx";
import { workspaceTexts } from "../../texts/workspace.ts";
import { Button, Dialog, DialogActions, Field, Problem, Section, toast } from "../../ui/index.ts";

/** The plan, which decides how many requests there may be. */
export function PlanSection({ tier }: { tier: string }) {
  const texts = workspaceTexts.plan;
  const mayChange = useMay("owner");
  const [isOpen, open] = useState(false);
  const [value, setValue] = useState<Written>({ tier });
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () => kasal.put("/workspace/plan", { body: value as unknown as Schemas["PlanRequest"] }),
    onSuccess: async (plan) => {
      toast(texts.changed(plan.tier));
      open(false);
      await client.invalidateQueries({ queryKey: keys.me });
    },
  });
  return (
    <Section
      title={texts.title}
      actions={
        mayChange ? (
          <Button small onPress={() => open(true)}>
            {texts.change}
          </Button>
        ) : undefined
      }
    >
      <p>{texts.now(tier)}</p>
      {isOpen && (
        <Dialog title={texts.change} isOpen onOpenChange={open}>
          <RecordForm
            schema="PlanRequest"
            first={["tier"]}
            value={value}
            onChange={setValue}
            onSubmit={() => change.mutate()}
            submit={texts.submit}
            isPending={change.isPending}
            error={change.error}
            failed={texts.failed}
          />
        </Dialog>
      )}
    </Section>
  );
}

/** The user's own password. */
export function Password() {
  const texts = workspaceTexts.password;
  const [isOpen, open] = useState(false);
  return (
    <Section
      title={texts.title}
      actions={
        <Button small onPress={() => open(true)}>
          {texts.change}
        </Button>
      }
    >
      {isOpen && (
        <Dialog title={texts.change} isOpen onOpenChange={open}>
          <PasswordForm onDone={() => open(false)} />
        </Dialog>
      )}
    </Section>
  );
}

function PasswordForm({ onDone }: { onDone: () => void }) {
  const texts = workspaceTexts.password;
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const change = useMutation({
    mutationFn: () => kasal.post("/auth/password", { body: { current_password: current, new_password: next } }),
    onSuccess: () => {
      toast(texts.changed);
      onDone();
    },
  });
  const reasons = reasonsOf(change.error);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate();
      }}
    >
      <Field
        label={texts.current}
        type="password"
        autoComplete="current-password"
        isRequired
        error={reasons.get("current_password")}
        value={current}
        onChange={setCurrent}
      />
      <Field
        label={texts.new}
        type="password"
        autoComplete="new-password"
        isRequired
        error={reasons.get("new_password")}
        value={next}
        onChange={setNext}
      />
      {change.error && reasons.size === 0 && <Problem what={texts.failed} error={change.error} />}
      <DialogActions>
        <Button type="submit" kind="primary" isPending={change.isPending}>
          {texts.submit}
        </Button>
      </DialogActions>
    </form>
  );
}
