import { useQuery } from "@tanstack/react-query";
import { keys, useKasal } from "../api/index.ts";

/** The schema of a custom tool's arguments; undefined for tools that do not show theirs. */
export function useToolSchema(tool: string | undefined, enabled: boolean): Record<string, unknown> | undefined {
  const kasal = useKasal();
  const query = useQuery({
    queryKey: [...keys.tools, "schema", tool],
    enabled: enabled && !!tool,
    staleTime: 60_000,
    queryFn: async ({ signal }) => {
      const { tools } = await kasal.get("/tools", { query: { page_size: 100 }, signal });
      const toolId = tools.find((each) => each.name === tool)?.tool_id;
      if (!toolId) return null;
      const { parameters } = await kasal.get("/tools/custom/{tool_id}", { path: { tool_id: toolId }, signal });
      return parameters as Record<string, unknown> | null;
    },
  });
  return query.data ?? undefined;
}
