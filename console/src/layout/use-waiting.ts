import { useQuery } from "@tanstack/react-query";
import { keys, useKasal } from "../api/index.ts";

/** How many questions wait for an answer; undefined until it is known. */
export function useWaiting(): number | undefined {
  const kasal = useKasal();
  return useQuery({
    queryKey: [...keys.questions, "count"],
    queryFn: ({ signal }) => kasal.get("/questions", { query: { page_size: 1 }, signal }),
    refetchInterval: 20_000,
  }).data?.total;
}
