import type { Schemas } from "@kasal/client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { kasal, keys, useMay } from "../../api/index.ts";
import type { Written } from "../../forms/record.ts";
import { RecordForm } from "../../forms/record-form.tsx";
import { workspaceTexts } from "../../texts/workspace.ts";
import { Button, Dialog, Moment, Problem, Section, SkeletonRows, Table, toast } from "../../ui/index.ts";
import { Removal } from "../../ui/removal.tsx";
import { Secret } from "./secret.tsx";
import styles from "./workspace.module.css";

const texts = workspaceTexts.keys;
const { columns } = workspaceTexts;

/** The keys by which programs act for the workspace. */
export function ApiKeys() {
  const [isOpen, open] = useState(false);
  const client = useQueryClient();
  const mayMake = useMay("admin");
  const list = useQuery({
    queryKey: keys.apiKeys,
    queryFn: ({ signal }) => kasal.get("/auth/api-keys", { query: { limit: 100 }, signal }),
    enabled: mayMake,
  });
  if (!mayMake) return null;
  return (
    <Section
      title={texts.title}
      actions={
        <Button small onPress={() => open(true)}>
          {texts.make}
        </Button>
      }
    >
      <p className={styles.help}>{texts.help}</p>
      {list.error && <Problem what={texts.couldNotRead} error={list.error} onRetry={() => list.refetch()} />}
      {list.isPending && <SkeletonRows count={1} />}
      {list.data && !list.data.api_keys.length && <p className={styles.help}>{texts.none}</p>}
      {list.data && list.data.api_keys.length > 0 && (
        <Table
          label={texts.title}
          rows={list.data.api_keys}
          rowKey={(key) => key.id}
          columns={[
            { id: "name", title: columns.name, grow: true, cell: (key) => key.name },
            { id: "key", title: columns.key, minor: true, cell: (key) => <code>{key.hint}</code> },
            { id: "role", title: columns.role, cell: (key) => workspaceTexts.roles[key.role] ?? key.role },
            { id: "made", title: columns.made, minor: true, cell: (key) => <Moment at={key.created_at} /> },
            {
              id: "actions",
              title: <span className="visually-hidden">{columns.actions}</span>,
              end: true,
              cell: (key) => (
                <Removal
                  small
                  open={texts.remove}
                  label={texts.removeLabel(key.name)}
                  title={texts.removing(key.name)}
                  text={texts.removingText}
                  confirm={texts.remove}
                  failed={texts.notRemoved}
                  remove={() => kasal.delete("/auth/api-keys/{key_id}", { path: { key_id: key.id } })}
                  onRemoved={async () => {
                    toast(texts.removed(key.name));
                    await client.invalidateQueries({ queryKey: keys.apiKeys });
                  }}
                />
              ),
            },
          ]}
        />
      )}
      {isOpen && (
        <Dialog title={texts.formTitle} isOpen onOpenChange={open}>
          <KeyForm onDone={() => open(false)} />
        </Dialog>
      )}
    </Section>
  );
}

function KeyForm({ onDone }: { onDone: () => void }) {
  const [value, setValue] = useState<Written>({});
  const client = useQueryClient();
  const make = useMutation({
    mutationFn: () => kasal.post("/auth/api-keys", { body: value as unknown as Schemas["ApiKeyRequest"] }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.apiKeys }),
  });
  if (make.data) {
    const { key } = make.data;
    return (
      <Secret text={texts.shown} label={texts.key} secret={key} copy={texts.copy} done={texts.done} onDone={onDone} />
    );
  }
  return (
    <RecordForm
      schema="ApiKeyRequest"
      first={["name", "role"]}
      value={value}
      onChange={setValue}
      onSubmit={() => make.mutate()}
      submit={texts.submit}
      isPending={make.isPending}
      error={make.error}
      failed={texts.failed}
    />
  );
}
