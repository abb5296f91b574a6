import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { useKasal } from "../../api/index.ts";
import { commonTexts } from "../../texts/common.ts";
import { runTexts } from "../../texts/run.ts";
import { Button, Dialog, DialogActions, Problem, Select, TextArea } from "../../ui/index.ts";
import { laneName } from "./compact.tsx";
import { InputFields } from "./input-fields.tsx";
import { changedInputs, faultOf } from "./inputs.ts";
import { useInputFields } from "./use-inputs.ts";
import { useModel, useStore, useTaskNames } from "./use-run.ts";

export interface ForkStart {
  seq?: number;
  task?: string;
}

const texts = runTexts.fork;
const END = "end";
const NONE = "none";

/** Runs a job again from somewhere in its history, with something different if one likes. */
export function ForkDialog({ jobId, start, onClose }: { jobId: string; start: ForkStart; onClose: () => void }) {
  const kasal = useKasal();
  const { model } = useStore();
  const [, navigate] = useLocation();
  const names = useTaskNames(
    useModel((changed) => changed.crewId),
    useModel((changed) => changed.crewVersion),
  );
  const [from, setFrom] = useState(start.task ? `task:${start.task}` : start.seq ? `seq:${start.seq}` : END);
  const [given, setGiven] = useState(NONE);
  const [output, setOutput] = useState("");
  const inputs = useInputFields(jobId);
  const tasks = model.lanes.filter((lane) => lane.seq);
  const fork = useMutation({
    mutationFn: () => {
      const body = {
        ...(from.startsWith("task:") ? { from_task: from.slice(5) } : {}),
        ...(from.startsWith("seq:") ? { after_seq: Number(from.slice(4)) } : {}),
        inputs: inputs.given ? changedInputs(inputs.fields ?? [], inputs.given) : {},
        outputs: given === NONE ? {} : { [given]: output },
      };
      return kasal.post("/executions/{job_id}/fork", { path: { job_id: jobId }, body });
    },
    onSuccess: (made) => navigate(`/runs/${made.job_id}`),
  });
  return (
    <Dialog title={texts.title} wide isOpen onOpenChange={(open) => !open && onClose()}>
      <p>{texts.lead}</p>
      <Select
        label={texts.from}
        selectedKey={from}
        onSelectionChange={(key) => setFrom(String(key))}
        options={[
          { id: END, text: texts.end },
          ...(start.seq ? [{ id: `seq:${start.seq}`, text: texts.after(start.seq) }] : []),
          ...tasks.map((lane) => ({ id: `task:${lane.id}`, text: texts.task(laneName(lane, names)) })),
          ...(start.task && !tasks.some((lane) => lane.id === start.task)
            ? [{ id: `task:${start.task}`, text: texts.task(start.task) }]
            : []),
        ]}
      />
      {inputs.fields && <InputFields fields={inputs.fields} onChange={inputs.setFields} />}
      <Select
        label={texts.output}
        selectedKey={given}
        onSelectionChange={(key) => {
          setGiven(String(key));
          const known = model.lane(String(key))?.result;
          setOutput(known === undefined ? "" : typeof known === "string" ? known : JSON.stringify(known, null, 2));
        }}
        options={[
          { id: NONE, text: texts.noOutput },
          ...tasks.map((lane) => ({ id: lane.id, text: laneName(lane, names) })),
        ]}
      />
      {given !== NONE && <TextArea label={texts.outputText} rows={6} value={output} onChange={setOutput} />}
      {fork.error && <Problem error={fork.error} what={texts.failed} />}
      <DialogActions>
        <Button onPress={onClose}>{commonTexts.cancel}</Button>
        <Button
          kind="primary"
          isPending={fork.isPending}
          isDisabled={(inputs.fields ?? []).some((field) => faultOf(field) !== null)}
          onPress={() => fork.mutate()}
        >
          {texts.submit}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
