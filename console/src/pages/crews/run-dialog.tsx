import type { Schemas } from "@kasal/client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { kasal, keys } from "../../api/index.ts";
import { crewTexts } from "../../texts/crews.ts";
import { Button, ComboBox, Dialog, DialogActions, formats, Problem, Select, TextArea } from "../../ui/index.ts";
import styles from "./editor.module.css";
import {
  faultOf,
  type InputKind,
  type InputNeed,
  inputValue,
  lastInputs,
  neededInputs,
  rememberInputs,
  type Written,
} from "./inputs.ts";
import type { Entry } from "./model.ts";
import { problemsOf } from "./problems.ts";

const texts = crewTexts.run;

interface RunDialogProps {
  crewId: string;
  crew: Entry;
  view: Schemas["CrewView"] | undefined;
  onClose: () => void;
}

/** Asks for the inputs that the crew's texts name, and starts a run. */
export function RunDialog({ crewId, crew, view, onClose }: RunDialogProps) {
  return (
    <Dialog title={texts.title} isOpen onOpenChange={onClose}>
      <RunForm crewId={crewId} crew={crew} view={view} />
    </Dialog>
  );
}

function RunForm({ crewId, crew, view }: Omit<RunDialogProps, "onClose">) {
  const needs = neededInputs(crew);
  const [written, setWritten] = useState<Record<string, Written>>(() => lastInputs(crewId));
  const [isTried, setTried] = useState(false);
  const published = view?.published_version ?? undefined;
  const [version, setVersion] = useState<string>(published ? "published" : "newest");
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const entryOf = (need: InputNeed): Written => written[need.name] ?? { kind: need.kind, text: "" };
  const start = useMutation({
    mutationFn: () => {
      const inputs = Object.fromEntries(needs.map((need) => [need.name, inputValue(entryOf(need))]));
      const chosen = version === "newest" && view ? { version: view.version } : {};
      return kasal.post("/executions", { body: { crew_id: crewId, inputs, ...chosen } });
    },
    onSuccess: ({ job_id }) => {
      rememberInputs(crewId, Object.fromEntries(needs.map((need) => [need.name, entryOf(need)])));
      void client.invalidateQueries({ queryKey: keys.allExecutions });
      navigate(`/runs/${job_id}`);
    },
  });
  const refused = new Map(problemsOf(start.error).map(({ path, reason }) => [String(path[1]), reason]));
  const submit = () => {
    setTried(true);
    if (needs.every((need) => !faultOf(entryOf(need)))) start.mutate();
  };
  return (
    <form
      className={styles.fields}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {view && view.missing.length > 0 && <Lacks missing={view.missing} />}
      {published !== undefined && view && published !== view.version && (
        <Select
          label={texts.version}
          options={[
            { id: "published", text: texts.publishedVersion(published) },
            { id: "newest", text: texts.newestVersion(view.version) },
          ]}
          value={version}
          onChange={(key) => setVersion(String(key))}
        />
      )}
      {needs.length === 0 && <p className={styles.help}>{texts.noInputs}</p>}
      {needs.map((need, at) => (
        <InputField
          key={need.name}
          need={need}
          written={entryOf(need)}
          isFirst={at === 0}
          error={(isTried ? faultOf(entryOf(need)) : undefined) ?? refused.get(need.name)}
          onChange={(next) => setWritten((known) => ({ ...known, [need.name]: next }))}
        />
      ))}
      {start.error && ![...refused.keys()].some((name) => needs.some((need) => need.name === name)) && (
        <Problem what={texts.failed} error={start.error} />
      )}
      <DialogActions>
        <Button type="submit" kind="primary" isPending={start.isPending}>
          {texts.start}
        </Button>
      </DialogActions>
    </form>
  );
}

function Lacks({ missing }: { missing: Schemas["Lack"][] }) {
  return (
    <div className={styles.lacks} role="alert">
      <p>{texts.incomplete}</p>
      <ul>
        {missing.map((lack) => (
          <li key={lack.field}>{/agent_id$/.test(lack.field) ? crewTexts.chooseAgent : lack.reason}</li>
        ))}
      </ul>
    </div>
  );
}

interface InputFieldProps {
  need: InputNeed;
  written: Written;
  isFirst: boolean;
  error: string | undefined;
  onChange: (written: Written) => void;
}

function InputField({ need, written, isFirst, error, onChange }: InputFieldProps) {
  const { name } = need;
  const set = (text: string) => onChange({ ...written, text });
  const kinds = Object.entries(texts.kinds).map(([id, text]) => ({ id, text }));
  return (
    <div className={styles.input}>
      {written.kind === "file" ? (
        <FilePicker name={name} need={need} fileId={written.text} error={error} onChange={set} />
      ) : (
        <TextArea
          label={name}
          description={(written.kind === "list" ? texts.listHelp : "") + texts.usedBy(need.usedBy)}
          error={error}
          isRequired
          autoFocus={isFirst}
          mono={written.kind === "json"}
          rows={written.kind === "text" ? 2 : 4}
          value={written.text}
          onChange={set}
        />
      )}
      <Select
        label={texts.kind(name)}
        hideLabel
        options={kinds}
        value={written.kind}
        onChange={(kind) => onChange({ kind: kind as InputKind, text: kind === "file" ? "" : written.text })}
      />
    </div>
  );
}

interface FilePickerProps {
  name: string;
  need: InputNeed;
  fileId: string;
  error: string | undefined;
  onChange: (fileId: string) => void;
}

function FilePicker({ name, need, fileId, error, onChange }: FilePickerProps) {
  const query = { limit: 100 };
  const files = useQuery({
    queryKey: keys.files(query),
    queryFn: ({ signal }) => kasal.get("/files", { query, signal }),
  });
  const options = (files.data?.files ?? []).map((file) => ({
    id: file.file_id,
    text: file.name,
    more: formats.bytes(file.size),
  }));
  return (
    <ComboBox
      label={name}
      description={files.data && !options.length ? texts.noFiles : texts.usedBy(need.usedBy)}
      error={error}
      isRequired
      options={options}
      value={fileId || null}
      onChange={(key) => onChange(key === null ? "" : String(key))}
    />
  );
}
