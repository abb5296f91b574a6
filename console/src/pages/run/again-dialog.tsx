import { useMutation } from "@tanstack/react-query";
import { useLocation } from "wouter";
import { useKasal } from "../../api/index.ts";
import { commonTexts } from "../../texts/common.ts";
import { runTexts } from "../../texts/run.ts";
import { Button, Dialog, DialogActions, Problem, SkeletonRows } from "../../ui/index.ts";
import { InputFields } from "./input-fields.tsx";
import { faultOf, inputOf } from "./inputs.ts";
import { useInputFields } from "./use-inputs.ts";
import { useStore } from "./use-run.ts";

/** Starts the crew again, with what this run was given or something else. */
export function AgainDialog({ jobId, onClose }: { jobId: string; onClose: () => void }) {
  const kasal = useKasal();
  const { model } = useStore();
  const [, navigate] = useLocation();
  const { fields, setFields, error } = useInputFields(jobId);
  const start = useMutation({
    mutationFn: () => {
      const inputs = Object.fromEntries((fields ?? []).map((field) => [field.name, inputOf(field)]));
      return kasal.post("/executions", { body: { crew_id: model.crewId, inputs } });
    },
    onSuccess: (made) => navigate(`/runs/${made.job_id}`),
  });
  return (
    <Dialog title={runTexts.again.title(model.crew)} isOpen onOpenChange={(open) => !open && onClose()}>
      {error ? <Problem error={error} /> : !fields && <SkeletonRows count={2} height="52px" />}
      {fields?.length === 0 && <p>{runTexts.again.noInputs}</p>}
      {fields && <InputFields fields={fields} onChange={setFields} />}
      {start.error && <Problem error={start.error} what={runTexts.again.failed} />}
      <DialogActions>
        <Button onPress={onClose}>{commonTexts.cancel}</Button>
        <Button
          kind="primary"
          isPending={start.isPending}
          isDisabled={!fields || fields.some((field) => faultOf(field) !== null)}
          onPress={() => start.mutate()}
        >
          {runTexts.again.submit}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
