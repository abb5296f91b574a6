import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { DropZone, FileTrigger } from "react-aria-components";
import { useLocation } from "wouter";
import { kasal } from "../../api/index.ts";
import { crewTexts } from "../../texts/crews.ts";
import {
  Button,
  Dialog,
  DialogActions,
  Field,
  IconButton,
  icons,
  Problem,
  SkeletonRows,
  toast,
} from "../../ui/index.ts";
import styles from "./editor.module.css";
import { useForgetCrew } from "./editor-state.ts";

const texts = crewTexts.importing;
/** What the platform reads of one import. */
const LARGEST = 1_048_576;

/** Makes a crew of files, after it has shown what that would be. */
export function ImportDialog({ onClose }: { onClose: () => void }) {
  const [files, setFiles] = useState<Record<string, string>>({});
  const [left, setLeft] = useState<string[]>([]);
  const [name, setName] = useState("");
  const [, navigate] = useLocation();
  const forget = useForgetCrew();
  const names = Object.keys(files);
  const body = { files, ...(name.trim() ? { name: name.trim() } : {}) };
  const preview = useQuery({
    queryKey: ["import", body],
    queryFn: ({ signal }) => kasal.post("/crews/import", { body, query: { dry_run: true }, signal }),
    enabled: names.length > 0,
    gcTime: 0,
  });
  const make = useMutation({
    mutationFn: () => kasal.post("/crews/import", { body }),
    onSuccess: async (made) => {
      toast(texts.made(made.name));
      if (made.id) navigate(`/crews/${made.id}`);
      await forget(made.id ?? "");
    },
  });
  const take = async (chosen: readonly File[]) => {
    const small = chosen.filter((file) => file.size <= LARGEST);
    setLeft(chosen.filter((file) => file.size > LARGEST).map((file) => file.name));
    const read = await Promise.all(small.map(async (file) => [file.name, await file.text()] as const));
    setFiles((known) => ({ ...known, ...Object.fromEntries(read) }));
  };
  const { data } = preview;
  return (
    <Dialog wide title={texts.title} isOpen onOpenChange={onClose}>
      <div className={styles.fields}>
        <p className={styles.help}>{texts.lead}</p>
        <DropZone
          className={styles.drop}
          aria-label={texts.drop}
          onDrop={async (event) => {
            const dropped = event.items.filter((item) => item.kind === "file");
            await take(await Promise.all(dropped.map((item) => item.getFile())));
          }}
        >
          <span>{texts.drop}</span>
          <FileTrigger
            allowsMultiple
            acceptedFileTypes={[".yaml", ".yml"]}
            onSelect={(list) => list && take([...list])}
          >
            <Button>{texts.choose}</Button>
          </FileTrigger>
        </DropZone>
        {left.map((each) => (
          <p key={each} className={styles.bad} role="alert">
            {texts.tooLarge(each)}
          </p>
        ))}
        {names.length > 0 && (
          <ul className={styles.row} aria-label={texts.chosen}>
            {names.map((each) => (
              <li key={each} className={styles.chip}>
                <code>{each}</code>
                <IconButton
                  small
                  label={texts.remove(each)}
                  onPress={() => setFiles(Object.fromEntries(Object.entries(files).filter(([key]) => key !== each)))}
                >
                  <icons.CloseIcon size={12} />
                </IconButton>
              </li>
            ))}
          </ul>
        )}
        {names.length > 0 && <Field label={texts.name} description={texts.nameHelp} value={name} onChange={setName} />}
        {preview.isFetching && !data && <SkeletonRows count={3} />}
        {preview.error && <Problem what={texts.refused} error={preview.error} />}
        {data && !preview.error && <Report made={data} />}
        {make.error && <Problem what={texts.failed} error={make.error} />}
      </div>
      <DialogActions>
        <Button
          kind="primary"
          isDisabled={!data || !!preview.error}
          isPending={make.isPending}
          onPress={() => make.mutate()}
        >
          {texts.make}
        </Button>
      </DialogActions>
    </Dialog>
  );
}

type Made = Awaited<ReturnType<typeof kasal.post<"/crews/import">>>;

function Report({ made }: { made: Made }) {
  return (
    <div className={styles.report}>
      <h3>{texts.would}</h3>
      <p>
        <strong>{made.name}</strong>
        {made.crew && `: ${crewTexts.counts(made.crew.agents.length, made.crew.tasks.length)}`}
      </p>
      <ul className={styles.changes}>
        {made.crew?.tasks.map((task, at) => (
          <li key={task.id}>
            {at + 1}. {task.name ?? task.description.slice(0, 80)}
          </li>
        ))}
      </ul>
      <h3>{texts.warnings(made.warnings.length)}</h3>
      <ul className={styles.changes}>
        {made.warnings.map((warning) => (
          <li key={warning.path + warning.reason}>
            <code>{warning.path}</code> {warning.reason}
          </li>
        ))}
      </ul>
      {made.missing.length > 0 && (
        <>
          <h3>{texts.lacks}</h3>
          <ul className={styles.changes}>
            {made.missing.map((lack) => (
              <li key={lack.field}>
                <code>{lack.field}</code> {lack.reason}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
