import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useLocation } from "wouter";
import { keys, useKasal, useMe } from "../api/index.ts";
import { enterWorkspace } from "../session/session.ts";
import { commonTexts } from "../texts/common.ts";
import { layoutTexts } from "../texts/layout.ts";
import { Button, icons, Menu, MenuItem, MenuTrigger, toast } from "../ui/index.ts";
import styles from "./layout.module.css";

/** The workspace that the console shows, and the others that the user belongs to. */
export function WorkspaceSwitcher() {
  const kasal = useKasal();
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const me = useMe().data;
  const workspaces = useQuery({
    queryKey: keys.workspaces,
    queryFn: ({ signal }) => kasal.get("/auth/workspaces", { query: { page_size: 100 }, signal }),
    staleTime: 60_000,
  }).data?.workspaces;
  const enter = useMutation({
    mutationFn: enterWorkspace,
    onSuccess: (_, id) => {
      client.clear();
      navigate("/");
      toast(commonTexts.workspaces.switched(workspaces?.find((each) => each.id === id)?.name ?? id));
    },
    onError: (error) => toast(error.message, "bad"),
  });
  const name = me?.workspace.name ?? "\u00a0";
  if (!workspaces || workspaces.length < 2) return <p className={styles.workspace}>{name}</p>;
  return (
    <MenuTrigger>
      <Button
        kind="quiet"
        className={styles.workspace}
        isPending={enter.isPending}
        aria-label={`${commonTexts.workspaces.label}: ${name}`}
      >
        <span>{name}</span>
        <icons.ChevronIcon />
      </Button>
      <Menu onAction={(id) => id !== me?.workspace.id && enter.mutate(String(id))}>
        {workspaces.map((workspace) => (
          <MenuItem key={workspace.id} id={workspace.id} textValue={workspace.name}>
            <span className={styles.found}>{workspace.name}</span>
            <span className={styles.kind}>{layoutTexts.roles[workspace.role] ?? workspace.role}</span>
          </MenuItem>
        ))}
      </Menu>
    </MenuTrigger>
  );
}
