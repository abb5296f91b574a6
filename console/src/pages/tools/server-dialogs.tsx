import type { Schemas } from "@kasal/client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { kasal, keys } from "../../api/index.ts";
import { reasonsOf, type Written } from "../../forms/record.ts";
import { RecordForm } from "../../forms/record-form.tsx";
import { toolTexts } from "../../texts/tools.ts";
import { Badge, Button, Dialog, Moment, Problem, SkeletonRows, toast } from "../../ui/index.ts";
import { Removal } from "../../ui/removal.tsx";
import { Credentials } from "./credentials.tsx";
import styles from "./tools.module.css";

const texts = toolTexts.server;
type Draft = Schemas["ServerDraft"];
type Server = Schemas["McpServerView"];

/** Forgets the lists of tools and servers, after one has changed. */
function useForgetTools() {
  const client = useQueryClient();
  return () =>
    Promise.all([
      client.invalidateQueries({ queryKey: keys.tools }),
      client.invalidateQueries({ queryKey: keys.mcpServers }),
    ]);
}

function firstFields(value: Written): string[] {
  const place = value.transport === "stdio" ? "command" : "url";
  return ["name", "transport", place, "auth_type"];
}

const HIDDEN = ["credentials", "url", "command"];

export function NewServerDialog({ onClose }: { onClose: () => void }) {
  const [value, setValue] = useState<Written>({});
  const forget = useForgetTools();
  const add = useMutation({
    mutationFn: () => kasal.post("/tools/mcp", { body: value as unknown as Draft, timeout: 60_000 }),
    onSuccess: async ({ tools }) => {
      toast(texts.added(String(value.name), tools.length));
      onClose();
      await forget();
    },
  });
  return (
    <Dialog title={texts.newTitle} isOpen onOpenChange={onClose}>
      <p className={styles.help}>{texts.newLead}</p>
      <RecordForm
        schema="ServerDraft"
        first={firstFields(value)}
        without={HIDDEN}
        value={value}
        onChange={setValue}
        onSubmit={() => add.mutate()}
        submit={texts.add}
        isPending={add.isPending}
        error={add.error}
        failed={texts.failed}
      >
        <Credentials value={value} onChange={setValue} error={reasonsOf(add.error).get("credentials")} />
      </RecordForm>
    </Dialog>
  );
}

export function ServerDialog({
  serverId,
  mayEdit,
  onClose,
}: {
  serverId: string;
  mayEdit: boolean;
  onClose: () => void;
}) {
  const server = useQuery({
    queryKey: [...keys.mcpServers, serverId],
    queryFn: ({ signal }) => kasal.get("/tools/mcp/{server_id}", { path: { server_id: serverId }, signal }),
  });
  return (
    <Dialog wide title={server.data?.name ?? toolTexts.servers} isOpen onOpenChange={onClose}>
      {server.error && <Problem what={toolTexts.couldNotReadServers} error={server.error} />}
      {!server.data && !server.error && <SkeletonRows />}
      {server.data && <ServerDetails server={server.data} mayEdit={mayEdit} onClose={onClose} />}
    </Dialog>
  );
}

function ServerDetails({ server, mayEdit, onClose }: { server: Server; mayEdit: boolean; onClose: () => void }) {
  const path = { server_id: server.server_id };
  const forget = useForgetTools();
  const refresh = useMutation({
    mutationFn: () => kasal.post("/tools/mcp/{server_id}/refresh", { path, timeout: 60_000 }),
    onSuccess: ({ tools }) => toast(texts.refreshed(tools.length)),
    onSettled: forget,
  });
  return (
    <div className={styles.column}>
      <div className={styles.row}>
        <Badge tone={server.status === "ready" ? "ok" : "bad"}>
          {toolTexts.status[server.status] ?? server.status}
        </Badge>
        <code className={styles.address}>{server.url ?? server.command}</code>
        <span className={styles.help}>
          {texts.asked} <Moment at={server.refreshed_at} />
        </span>
      </div>
      {server.fault && <p className={styles.bad}>{server.fault}</p>}
      {refresh.error && <Problem what={texts.notRefreshed} error={refresh.error} />}
      <h3>{texts.tools}</h3>
      <ul className={styles.tools}>
        {server.tools.map((tool) => (
          <li key={tool.name}>
            <span className={styles.row}>
              <code>{tool.name}</code>
              {tool.read_only && <Badge>{texts.readOnly}</Badge>}
              {tool.requires_approval && <Badge tone="warn">{texts.approval}</Badge>}
            </span>
            <span className={styles.help}>{tool.description}</span>
          </li>
        ))}
      </ul>
      {server.left_out.length > 0 && (
        <>
          <h3>{texts.leftOut}</h3>
          <ul className={styles.tools}>
            {server.left_out.map((tool) => (
              <li key={tool.name}>
                <code>{tool.name}</code> <span className={styles.help}>{tool.reason}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {mayEdit && (
        <>
          <div className={styles.row}>
            <Button isPending={refresh.isPending} onPress={() => refresh.mutate()}>
              {texts.refresh}
            </Button>
            <Removal
              open={texts.remove}
              title={texts.removing(server.name)}
              text={texts.removingText}
              confirm={texts.remove}
              failed={texts.notRemoved}
              remove={() => kasal.delete("/tools/mcp/{server_id}", { path })}
              onRemoved={async () => {
                toast(texts.removed(server.name));
                onClose();
                await forget();
              }}
            />
          </div>
          <details className={styles.more}>
            <summary>{texts.settings}</summary>
            <ServerSettings server={server} onSaved={forget} />
          </details>
        </>
      )}
    </div>
  );
}

/** What can be changed of a server, as it is now. */
function settingsOf(server: Server): Written {
  const { name, url, command, transport, auth_type, headers, allow, deny, approval, timeout } = server;
  const { expires_in, on_expiry, answered_by } = server;
  const all = { name, url, command, transport, auth_type, headers, allow, deny, approval, timeout };
  const set = Object.entries({ ...all, expires_in, on_expiry, answered_by }).filter(([, each]) => each !== null);
  return Object.fromEntries(set);
}

function ServerSettings({ server, onSaved }: { server: Server; onSaved: () => unknown }) {
  const before = settingsOf(server);
  const [value, setValue] = useState<Written>(before);
  const save = useMutation({
    mutationFn: () => {
      const body = Object.fromEntries(
        [...new Set([...Object.keys(before), ...Object.keys(value)])]
          .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(value[name]))
          .map((name) => [name, value[name] ?? null]),
      );
      return kasal.put("/tools/mcp/{server_id}", { path: { server_id: server.server_id }, body, timeout: 60_000 });
    },
    onSuccess: async () => {
      toast(texts.saved);
      await onSaved();
    },
  });
  return (
    <RecordForm
      schema="ServerDraft"
      first={["approval", ...firstFields(value)]}
      without={HIDDEN}
      value={value}
      onChange={setValue}
      onSubmit={() => save.mutate()}
      submit={texts.save}
      isPending={save.isPending}
      error={save.error}
      failed={texts.notSaved}
    >
      <Credentials
        value={value}
        onChange={setValue}
        known={server.has_credentials ? texts.hasCredentials : undefined}
        error={reasonsOf(save.error).get("credentials")}
      />
    </RecordForm>
  );
}
