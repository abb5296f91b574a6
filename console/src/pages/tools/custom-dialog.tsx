import type { Schemas } from "@kasal/client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { kasal, keys } from "../../api/index.ts";
import { reasonsOf, type Written } from "../../forms/record.ts";
import { RecordForm } from "../../forms/record-form.tsx";
import { toolTexts } from "../../texts/tools.ts";
import { Dialog, Problem, SkeletonRows, toast } from "../../ui/index.ts";
import { Removal } from "../../ui/removal.tsx";
import { Credentials } from "./credentials.tsx";
import styles from "./tools.module.css";

const texts = toolTexts.custom;
type Tool = Schemas["ToolView"];
type Draft = Schemas["ToolDraft"];

/** An HTTP tool: a new one, or one that is changed. */
export function CustomToolDialog({
  toolId,
  mayEdit,
  onClose,
}: {
  toolId?: string;
  mayEdit: boolean;
  onClose: () => void;
}) {
  const tool = useQuery({
    queryKey: [...keys.tools, toolId],
    queryFn: ({ signal }) => kasal.get("/tools/custom/{tool_id}", { path: { tool_id: toolId ?? "" }, signal }),
    enabled: toolId !== undefined,
  });
  return (
    <Dialog title={toolId ? texts.edit(tool.data?.name ?? "") : texts.title} isOpen onOpenChange={onClose}>
      {tool.error && <Problem error={tool.error} />}
      {toolId && !tool.data && !tool.error && <SkeletonRows />}
      {(!toolId || tool.data) && <ToolForm tool={tool.data} mayEdit={mayEdit} onClose={onClose} />}
    </Dialog>
  );
}

function writtenOf(tool: Tool | undefined): Written {
  if (!tool) return {};
  const { id: _id, has_credentials: _has, warnings: _warnings, created_at: _made, ...fields } = tool;
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

function ToolForm({ tool, mayEdit, onClose }: { tool: Tool | undefined; mayEdit: boolean; onClose: () => void }) {
  const [value, setValue] = useState<Written>(() => writtenOf(tool));
  const client = useQueryClient();
  const forget = () => client.invalidateQueries({ queryKey: keys.tools });
  const save = useMutation({
    mutationFn: async () => {
      const body = value as unknown as Draft;
      if (tool) await kasal.put("/tools/custom/{tool_id}", { path: { tool_id: tool.id }, body });
      else await kasal.post("/tools/custom", { body });
    },
    onSuccess: async () => {
      toast((tool ? texts.saved : texts.added)(String(value.name)));
      onClose();
      await forget();
    },
  });
  return (
    <>
      {!tool && <p className={styles.help}>{texts.lead}</p>}
      {tool && tool.warnings.length > 0 && (
        <p className={styles.help}>
          {texts.warnings} {tool.warnings.join(" ")}
        </p>
      )}
      <RecordForm
        schema="ToolDraft"
        first={["name", "description", "endpoint", "method", "parameters", "auth_type"]}
        without={["credentials"]}
        value={value}
        onChange={setValue}
        onSubmit={() => save.mutate()}
        submit={tool ? texts.save : texts.add}
        isPending={save.isPending}
        isReadOnly={!mayEdit}
        error={save.error}
        failed={tool ? texts.notSaved : texts.failed}
      >
        <Credentials
          value={value}
          onChange={setValue}
          known={tool?.has_credentials ? toolTexts.server.hasCredentials : undefined}
          error={reasonsOf(save.error).get("credentials")}
        />
      </RecordForm>
      {tool && mayEdit && (
        <Removal
          open={texts.remove}
          title={texts.removing(tool.name)}
          text={texts.removingText}
          confirm={texts.remove}
          failed={texts.notRemoved}
          remove={() => kasal.delete("/tools/custom/{tool_id}", { path: { tool_id: tool.id } })}
          onRemoved={async () => {
            toast(texts.removed(tool.name));
            onClose();
            await forget();
          }}
        />
      )}
    </>
  );
}
