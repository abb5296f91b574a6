import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { kasal } from "../../api/index.ts";
import { crewTexts } from "../../texts/crews.ts";
import { download } from "../../ui/download.ts";
import {
  Button,
  Dialog,
  DialogActions,
  IconButton,
  icons,
  Menu,
  MenuItem,
  MenuTrigger,
  Problem,
  toast,
} from "../../ui/index.ts";
import { forgetDraft, keepDraft } from "./drafts.ts";
import { type Editor, useForgetCrew } from "./editor-state.ts";
import { withValue } from "./model.ts";
import { forgetText } from "./texts-kept.ts";

interface CrewMenuProps {
  crewId: string | undefined;
  name: string;
  text: string;
  editor: Editor;
}

/** What else can be done with a crew. */
export function CrewMenu({ crewId, name, text, editor }: CrewMenuProps) {
  const [isDeleting, setDeleting] = useState(false);
  const [, navigate] = useLocation();
  const actions: Record<string, () => void> = {
    export: () => download(`${fileName(name)}.yaml`, text, "application/yaml"),
    copy: () => {
      keepDraft(undefined, withValue(text, ["name"], `${name} (copy)`), undefined);
      navigate("/crews/new");
    },
    discard: () => editor.reset(editor.saved),
    delete: () => setDeleting(true),
  };
  return (
    <>
      <MenuTrigger>
        <IconButton label={crewTexts.more}>
          <icons.MoreIcon />
        </IconButton>
        <Menu aria-label={crewTexts.more} onAction={(key) => actions[String(key)]?.()}>
          <MenuItem id="export">{crewTexts.export}</MenuItem>
          {crewId && !editor.isReadOnly && <MenuItem id="copy">{crewTexts.copyCrew}</MenuItem>}
          {editor.isDirty && <MenuItem id="discard">{crewTexts.discardChanges}</MenuItem>}
          {crewId && !editor.isReadOnly && (
            <MenuItem id="delete" danger>
              {crewTexts.delete}
            </MenuItem>
          )}
        </Menu>
      </MenuTrigger>
      {crewId && isDeleting && <DeleteDialog crewId={crewId} name={name} onClose={() => setDeleting(false)} />}
    </>
  );
}

function DeleteDialog({ crewId, name, onClose }: { crewId: string; name: string; onClose: () => void }) {
  const texts = crewTexts.deleting;
  const [, navigate] = useLocation();
  const forget = useForgetCrew();
  const remove = useMutation({
    mutationFn: () => kasal.delete("/crews/{crew_id}", { path: { crew_id: crewId } }),
    onSuccess: async () => {
      forgetDraft(crewId);
      forgetText(crewId);
      toast(texts.done(name));
      navigate("/crews");
      await forget(crewId);
    },
  });
  return (
    <Dialog alert title={texts.title(name)} isOpen onOpenChange={onClose}>
      <p>{texts.text}</p>
      {remove.error && <Problem what={texts.failed} error={remove.error} />}
      <DialogActions>
        <Button kind="danger" isPending={remove.isPending} onPress={() => remove.mutate()}>
          {texts.confirm}
        </Button>
      </DialogActions>
    </Dialog>
  );
}

function fileName(name: string): string {
  return (
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "") || "crew"
  );
}
