import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { kasal, keys, useMay } from "../../api/index.ts";
import { toolTexts } from "../../texts/tools.ts";
import { Badge, Button, Empty, Field, Page, Problem, Section, SkeletonRows, Table } from "../../ui/index.ts";
import { type Tool, useTools } from "../crews/catalog.ts";
import { CustomToolDialog } from "./custom-dialog.tsx";
import { NewServerDialog, ServerDialog } from "./server-dialogs.tsx";
import styles from "./tools.module.css";

type Shown = { kind: "new-server" } | { kind: "new-tool" } | { kind: "server" | "tool"; id: string };

/** What agents can call, and where it comes from. */
export default function ToolsPage() {
  const [shown, show] = useState<Shown>();
  const mayEdit = useMay("editor");
  const close = () => show(undefined);
  return (
    <Page
      title={toolTexts.title}
      lead={toolTexts.lead}
      actions={
        mayEdit && (
          <>
            <Button onPress={() => show({ kind: "new-tool" })}>{toolTexts.addTool}</Button>
            <Button kind="primary" onPress={() => show({ kind: "new-server" })}>
              {toolTexts.addServer}
            </Button>
          </>
        )
      }
    >
      <Servers onOpen={(id) => show({ kind: "server", id })} />
      <AllTools onOpen={(tool) => tool.tool_id && show({ kind: "tool", id: tool.tool_id })} />
      {shown?.kind === "new-server" && <NewServerDialog onClose={close} />}
      {shown?.kind === "new-tool" && <CustomToolDialog mayEdit={mayEdit} onClose={close} />}
      {shown?.kind === "server" && <ServerDialog serverId={shown.id} mayEdit={mayEdit} onClose={close} />}
      {shown?.kind === "tool" && <CustomToolDialog toolId={shown.id} mayEdit={mayEdit} onClose={close} />}
    </Page>
  );
}

function Servers({ onOpen }: { onOpen: (serverId: string) => void }) {
  const { columns } = toolTexts;
  const servers = useQuery({
    queryKey: keys.mcpServers,
    queryFn: ({ signal }) => kasal.get("/tools/mcp", { query: { limit: 100 }, signal }),
  });
  return (
    <Section title={toolTexts.servers}>
      {servers.error && (
        <Problem what={toolTexts.couldNotReadServers} error={servers.error} onRetry={() => servers.refetch()} />
      )}
      {servers.isPending && <SkeletonRows count={2} />}
      {servers.data?.servers.length === 0 && <Empty title={toolTexts.noServers}>{toolTexts.noServersText}</Empty>}
      {servers.data && servers.data.servers.length > 0 && (
        <Table
          label={toolTexts.servers}
          rows={servers.data.servers}
          rowKey={(server) => server.server_id}
          columns={[
            {
              id: "name",
              title: columns.name,
              grow: true,
              cell: (server) => (
                <button type="button" className={styles.link} onClick={() => onOpen(server.server_id)}>
                  {server.name}
                </button>
              ),
            },
            {
              id: "status",
              title: columns.status,
              cell: (server) => (
                <Badge tone={server.status === "ready" ? "ok" : "bad"}>
                  {toolTexts.status[server.status] ?? server.status}
                </Badge>
              ),
            },
            { id: "tools", title: columns.tools, end: true, cell: (server) => server.tools_count },
            {
              id: "approval",
              title: columns.approval,
              minor: true,
              cell: (server) => toolTexts.approvals[server.approval] ?? server.approval,
            },
            {
              id: "transport",
              title: columns.transport,
              minor: true,
              cell: (server) => server.transport.replaceAll("_", " "),
            },
          ]}
        />
      )}
    </Section>
  );
}

function AllTools({ onOpen }: { onOpen: (tool: Tool) => void }) {
  const { columns } = toolTexts;
  const [wanted, setWanted] = useState("");
  const tools = useTools();
  const words = wanted.trim().toLowerCase();
  const found = (tools.data ?? []).filter((tool) => `${tool.name} ${tool.description}`.toLowerCase().includes(words));
  return (
    <Section title={toolTexts.tools}>
      {tools.error && <Problem what={toolTexts.couldNotRead} error={tools.error} onRetry={() => tools.refetch()} />}
      {tools.isPending && <SkeletonRows />}
      {tools.data && tools.data.length > 12 && (
        <div className={styles.search}>
          <Field label={toolTexts.search} type="search" value={wanted} onChange={setWanted} />
        </div>
      )}
      {tools.data && (
        <Table
          label={toolTexts.tools}
          rows={found}
          rowKey={(tool) => tool.name}
          columns={[
            {
              id: "name",
              title: columns.name,
              cell: (tool) =>
                tool.tool_id ? (
                  <button type="button" className={styles.link} onClick={() => onOpen(tool)}>
                    {tool.name}
                  </button>
                ) : (
                  <code>{tool.name}</code>
                ),
            },
            {
              id: "from",
              title: columns.from,
              cell: (tool) => <Badge>{toolTexts.sources[tool.source] ?? tool.source}</Badge>,
            },
            { id: "what", title: columns.what, grow: true, minor: true, cell: (tool) => tool.description },
          ]}
        />
      )}
    </Section>
  );
}
