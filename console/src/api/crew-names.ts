import { useQuery } from "@tanstack/react-query";
import { kasal, keys } from "./index.ts";

export interface CrewName {
  id: string;
  name: string;
}

/** Pages of a hundred that are read for names; a crew beyond them is shown by its id. */
const PAGES = 5;

async function readNames({ signal }: { signal: AbortSignal }): Promise<CrewName[]> {
  const all: CrewName[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const answer = await kasal.get("/crews", { query: { page_size: 100, after }, signal });
    all.push(...answer.crews.map(({ id, name }) => ({ id, name })));
    if (!answer.next) break;
    after = answer.next;
  }
  return all;
}

/** The names of the workspace's crews. */
export function useCrews() {
  return useQuery({ queryKey: [...keys.allCrews, "names"], queryFn: readNames, staleTime: 60_000 });
}

/** Returns a crew's name by its id; the id itself until it is known. */
export function useCrewName(): (crewId: string) => string {
  const crews = useCrews().data;
  return (crewId) => crews?.find((crew) => crew.id === crewId)?.name ?? crewId;
}
