import type { Schemas } from "@kasal/client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { kasal, keys, useMay } from "../../api/index.ts";
import type { Written } from "../../forms/record.ts";
import { RecordForm } from "../../forms/record-form.tsx";
import { workspaceTexts } from "../../texts/workspace.ts";
import { Button, Dialog, Moment, Problem, Section, Table, toast } from "../../ui/index.ts";
import { Removal } from "../../ui/removal.tsx";
import { Secret } from "./secret.tsx";
import styles from "./workspace.module.css";

const texts = workspaceTexts.invitations;
const { columns } = workspaceTexts;

/** Who is invited and has not come yet. */
export function Invitations() {
  const mayInvite = useMay("admin");
  const [isOpen, open] = useState(false);
  const client = useQueryClient();
  const invitations = useQuery({
    queryKey: keys.invitations,
    queryFn: ({ signal }) => kasal.get("/workspace/invitations", { query: { limit: 100 }, signal }),
    enabled: mayInvite,
  });
  if (!mayInvite) return null;
  return (
    <Section
      title={texts.title}
      actions={
        <Button small onPress={() => open(true)}>
          {workspaceTexts.invite}
        </Button>
      }
    >
      {invitations.error && <Problem what={texts.couldNotRead} error={invitations.error} />}
      {invitations.data && invitations.data.invitations.length > 0 && (
        <Table
          label={texts.title}
          rows={invitations.data.invitations}
          rowKey={(invitation) => invitation.id}
          columns={[
            { id: "email", title: columns.email, grow: true, cell: (invitation) => invitation.email },
            { id: "role", title: columns.role, cell: (invitation) => workspaceTexts.roles[invitation.role] },
            {
              id: "until",
              title: columns.until,
              minor: true,
              cell: (invitation) => <Moment at={invitation.expires_at} />,
            },
            {
              id: "actions",
              title: <span className="visually-hidden">{columns.actions}</span>,
              end: true,
              cell: ({ id, email }) => (
                <Removal
                  small
                  open={texts.revoke}
                  label={texts.revokeLabel(email)}
                  title={texts.revoking(email)}
                  text={texts.revokingText}
                  confirm={texts.revoke}
                  failed={texts.notRevoked}
                  remove={() => kasal.delete("/workspace/invitations/{invitation_id}", { path: { invitation_id: id } })}
                  onRemoved={async () => {
                    toast(texts.revoked);
                    await client.invalidateQueries({ queryKey: keys.invitations });
                  }}
                />
              ),
            },
          ]}
        />
      )}
      {isOpen && (
        <Dialog title={texts.formTitle} isOpen onOpenChange={open}>
          <InvitationForm onDone={() => open(false)} />
        </Dialog>
      )}
    </Section>
  );
}

function InvitationForm({ onDone }: { onDone: () => void }) {
  const [value, setValue] = useState<Written>({});
  const client = useQueryClient();
  const invite = useMutation({
    mutationFn: () => kasal.post("/workspace/invitations", { body: value as unknown as Schemas["InvitationRequest"] }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.invitations }),
  });
  const made = invite.data;
  if (made) {
    return (
      <Secret
        text={made.mailed ? texts.mailed(made.email) : texts.notMailed}
        label={texts.token}
        secret={made.token}
        copy={texts.copy}
        done={texts.done}
        onDone={onDone}
      />
    );
  }
  return (
    <>
      <p className={styles.help}>{texts.lead}</p>
      <RecordForm
        schema="InvitationRequest"
        first={["email", "role", "name"]}
        value={value}
        onChange={setValue}
        onSubmit={() => invite.mutate()}
        submit={texts.send}
        isPending={invite.isPending}
        error={invite.error}
        failed={texts.failed}
      />
    </>
  );
}
