import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { kasal, keys, useMay, useMe } from "../../api/index.ts";
import { fieldOf } from "../../forms/schema.ts";
import { workspaceTexts as texts } from "../../texts/workspace.ts";
import { Badge, Moment, Problem, Section, Select, SkeletonRows, Table, toast } from "../../ui/index.ts";
import { Removal } from "../../ui/removal.tsx";
import styles from "./workspace.module.css";

type Role = "viewer" | "editor" | "admin" | "owner";

export function Members() {
  const mayChange = useMay("admin");
  const me = useMe();
  const client = useQueryClient();
  const forget = () => client.invalidateQueries({ queryKey: keys.members });
  const members = useQuery({
    queryKey: keys.members,
    queryFn: ({ signal }) => kasal.get("/workspace/members", { query: { limit: 100 }, signal }),
  });
  const change = useMutation({
    mutationFn: ({ id, role }: { id: string; role: Role; name: string }) =>
      kasal.put("/workspace/members/{member_id}", { path: { member_id: id }, body: { role } }),
    onSuccess: (_, { name, role }) => toast(texts.roleChanged(name, texts.roles[role] ?? role)),
    onSettled: forget,
  });
  const roles = fieldOf("InvitationRequest", "role").choices.map((id) => ({ id, text: texts.roles[id] ?? id }));
  return (
    <Section title={texts.members}>
      <p className={styles.help}>{texts.membersHelp}</p>
      {members.error && <Problem what={texts.couldNotRead} error={members.error} onRetry={() => members.refetch()} />}
      {members.isPending && <SkeletonRows count={2} />}
      {change.error && <Problem what={texts.roleNotChanged} error={change.error} />}
      {members.data && (
        <Table
          label={texts.members}
          rows={members.data.members}
          rowKey={(member) => member.id}
          columns={[
            {
              id: "name",
              title: texts.columns.name,
              grow: true,
              cell: (member) => (
                <span className={styles.who}>
                  <span>
                    {member.name} {member.id === me.data?.id && <Badge>{texts.you}</Badge>}
                  </span>
                  <small>{member.email}</small>
                </span>
              ),
            },
            {
              id: "role",
              title: texts.columns.role,
              cell: (member) =>
                mayChange && member.id !== me.data?.id ? (
                  <Select
                    label={texts.roleOf(member.name)}
                    hideLabel
                    options={roles}
                    value={member.role}
                    onChange={(role) => change.mutate({ id: member.id, role: role as Role, name: member.name })}
                  />
                ) : (
                  texts.roles[member.role]
                ),
            },
            { id: "since", title: texts.columns.since, minor: true, cell: (member) => <Moment at={member.added_at} /> },
            {
              id: "actions",
              title: <span className="visually-hidden">{texts.columns.actions}</span>,
              end: true,
              cell: (member) =>
                mayChange &&
                member.id !== me.data?.id && (
                  <Removal
                    small
                    open={texts.remove}
                    label={texts.removeLabel(member.name)}
                    title={texts.removing(member.name)}
                    text={texts.removingText}
                    confirm={texts.remove}
                    failed={texts.notRemoved}
                    remove={() => kasal.delete("/workspace/members/{member_id}", { path: { member_id: member.id } })}
                    onRemoved={async () => {
                      toast(texts.removed(member.name));
                      await forget();
                    }}
                  />
                ),
            },
          ]}
        />
      )}
    </Section>
  );
}
