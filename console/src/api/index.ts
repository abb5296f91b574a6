import type { Kasal } from "@kasal/client";
import { useQuery } from "@tanstack/react-query";
import { kasal } from "../session/session.ts";
import { keys } from "./keys.ts";

export { keys } from "./keys.ts";
export { kasal };

/** The client with the session's token. */
export function useKasal(): Kasal {
  return kasal;
}

/** Who is logged in, with the role in the workspace. */
export function useMe() {
  return useQuery({ queryKey: keys.me, queryFn: ({ signal }) => kasal.get("/auth/me", { signal }), staleTime: 60_000 });
}

const ROLES = ["viewer", "editor", "admin", "owner"] as const;
export type Role = (typeof ROLES)[number];

/** Whether the user's role is at least this one; false until it is known. */
export function useMay(role: Role): boolean {
  const mine = useMe().data?.role;
  return mine !== undefined && ROLES.indexOf(mine) >= ROLES.indexOf(role);
}
