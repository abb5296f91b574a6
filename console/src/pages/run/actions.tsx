import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { useKasal, useMay } from "../../api/index.ts";
import { runTexts } from "../../texts/run.ts";
import { Button, IconButton, icons, Menu, MenuItem, MenuTrigger, toast } from "../../ui/index.ts";
import { AgainDialog } from "./again-dialog.tsx";
import { linesOf, save } from "./download.ts";
import { ForkDialog, type ForkStart } from "./fork-dialog.tsx";
import { useModel, useStore } from "./use-run.ts";

const texts = runTexts.actions;

/** What can be done with a run as a whole. */
export function Actions({ jobId }: { jobId: string }) {
  const { model } = useStore();
  const ended = useModel((changed) => changed.ended);
  const known = useModel((changed) => changed.crewId !== "");
  const may = useMay("editor");
  const [, navigate] = useLocation();
  const kasal = useKasal();
  const [dialog, setDialog] = useState<"fork" | "again" | null>(null);
  const stop = useMutation({
    mutationFn: () => kasal.post("/executions/{job_id}/stop", { path: { job_id: jobId } }),
    onError: (error) => toast(error.message, "bad"),
  });
  const replay = useMutation({
    mutationFn: () => kasal.post("/executions", { body: { crew_id: model.crewId, replay_of: jobId } }),
    onSuccess: (made) => navigate(`/runs/${made.job_id}`),
    onError: (error) => toast(error.message, "bad"),
  });
  const act = (key: React.Key) => {
    if (key === "fork" || key === "again") setDialog(key);
    else if (key === "replay") replay.mutate();
    else save(`${jobId}.jsonl`, linesOf(model.events));
  };
  return (
    <div style={{ display: "flex", gap: 8 }}>
      {may && !ended && (
        <Button kind="danger" isPending={stop.isPending || stop.isSuccess} onPress={() => stop.mutate()}>
          <icons.StopIcon size={14} /> {stop.isIdle || stop.isError ? texts.stop : texts.stopping}
        </Button>
      )}
      {may && known && ended && (
        <Button onPress={() => setDialog("again")}>
          <icons.RefreshIcon size={14} /> {texts.again}
        </Button>
      )}
      <MenuTrigger>
        <IconButton label={texts.more} kind="plain">
          <icons.MoreIcon />
        </IconButton>
        <Menu onAction={act} disabledKeys={may && known ? (ended ? [] : ["replay"]) : ["fork", "again", "replay"]}>
          <MenuItem id="fork">{texts.fork}</MenuItem>
          <MenuItem id="again">{texts.again}</MenuItem>
          <MenuItem id="replay">{texts.replay}</MenuItem>
          <MenuItem id="download">{texts.download}</MenuItem>
        </Menu>
      </MenuTrigger>
      {dialog === "again" && <AgainDialog jobId={jobId} onClose={() => setDialog(null)} />}
      {dialog === "fork" && <ForkDialog jobId={jobId} start={{}} onClose={() => setDialog(null)} />}
    </div>
  );
}

/** Goes on from an event, or from the beginning of a task. */
export function ForkHere({ jobId, start }: { jobId: string; start: ForkStart }) {
  const may = useMay("editor");
  const [open, setOpen] = useState(false);
  if (!may) return null;
  return (
    <>
      <Button small onPress={() => setOpen(true)}>
        {texts.forkHere}
      </Button>
      {open && <ForkDialog jobId={jobId} start={start} onClose={() => setOpen(false)} />}
    </>
  );
}
