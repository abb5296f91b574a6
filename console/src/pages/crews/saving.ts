import { KasalError } from "@kasal/client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { crewTexts } from "../../texts/crews.ts";
import { toast } from "../../ui/index.ts";
import { forgetDraft } from "./drafts.ts";
import { type Editor, loadText, type Saved, send, useForgetCrew } from "./editor-state.ts";
import { problemsOf } from "./problems.ts";
import { keepText } from "./texts-kept.ts";

/** Saves what is in an editor. `conflict` is what others have saved meanwhile; saving with its tag goes over it. */
export function useSaving(editor: Editor, onSaved: () => void) {
  const { crewId, text } = editor;
  const [conflict, setConflict] = useState<Saved>();
  const [, navigate] = useLocation();
  const forget = useForgetCrew();
  const client = useQueryClient();
  const saving = useMutation({
    mutationFn: async (over: string | undefined) => {
      const query = crewId ? { crew_id: crewId } : {};
      const answer = await send(text, query, { etag: over ?? editor.saved.etag });
      if (!answer.id) throw new Error(crewTexts.couldNotSave);
      return { id: answer.id, etag: `"v${answer.version}"` };
    },
    onSuccess: async ({ id, etag }) => {
      setConflict(undefined);
      keepText(id, { text, etag });
      onSaved();
      if (crewId) {
        editor.reset({ text, etag }, text);
        toast(crewTexts.saved(etag.replaceAll('"', "")));
      } else {
        forgetDraft(undefined);
        client.setQueryData(["crew-text", id, null], { text, etag });
        toast(crewTexts.made);
        navigate(`/crews/${id}`, { replace: true });
      }
      await forget(id);
    },
    onError: async (error) => {
      if (crewId && error instanceof KasalError && error.status === 412) setConflict(await loadText(crewId));
    },
  });
  const known =
    saving.error instanceof KasalError && (saving.error.status === 412 || problemsOf(saving.error).length > 0);
  return {
    mutate: saving.mutate,
    mutateAsync: async (over: string | undefined) => (await saving.mutateAsync(over)).id,
    isPending: saving.isPending,
    /** What went wrong, unless the editor shows it where it is. */
    failure: known ? undefined : (saving.error ?? undefined),
    conflict,
    settle: () => setConflict(undefined),
  };
}
