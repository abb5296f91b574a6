import { useMe } from "../../api/index.ts";
import { workspaceTexts } from "../../texts/workspace.ts";
import { Badge, Page } from "../../ui/index.ts";
import { ApiKeys } from "./api-keys.tsx";
import { Invitations } from "./invitations.tsx";
import { Members } from "./members.tsx";
import { Password, PlanSection } from "./plan.tsx";

/** Who is in the workspace, the keys for programs, the plan, and one's own password. */
export default function WorkspacePage() {
  const me = useMe();
  const workspace = me.data?.workspace;
  return (
    <Page
      title={workspace?.name ?? workspaceTexts.title}
      tabTitle={workspaceTexts.title}
      beside={workspace && <Badge>{workspace.tier}</Badge>}
    >
      <Members />
      <Invitations />
      <ApiKeys />
      {workspace && <PlanSection tier={workspace.tier} />}
      <Password />
    </Page>
  );
}
