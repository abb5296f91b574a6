import type { Schemas } from "@kasal/client";
import { useQuery } from "@tanstack/react-query";
import { kasal, keys } from "../../api/index.ts";
import { crewTexts } from "../../texts/crews.ts";
import { formats, type Option } from "../../ui/index.ts";

type Models = Schemas["ModelsAnswer"];
export type Tool = Schemas["ToolSummary"];

export function useModels() {
  return useQuery({
    queryKey: keys.models,
    queryFn: ({ signal }) => kasal.get("/models", { signal }),
    staleTime: 60_000,
  });
}

/** All tools of the workspace. */
export function useTools() {
  return useQuery({
    queryKey: keys.tools,
    queryFn: async ({ signal }) => {
      const tools: Tool[] = [];
      let after: string | undefined;
      do {
        const page = await kasal.get("/tools", { query: { limit: 100, ...(after ? { after } : {}) }, signal });
        tools.push(...page.tools);
        after = page.next ?? undefined;
      } while (after && tools.length < MOST_TOOLS);
      return tools;
    },
    staleTime: 60_000,
  });
}

const MOST_TOOLS = 1000;

/** The models that an agent can name, those that can be used first. */
export function modelOptions(models: Models | undefined): Option[] {
  const found = (models?.providers ?? []).flatMap((provider) =>
    provider.models.map((model) => ({
      usable: provider.key !== "none",
      option: {
        id: model.model,
        text: model.model,
        more: [
          provider.key === "none" ? crewTexts.noKey(provider.provider) : provider.provider,
          model.price ? crewTexts.price(model.price.input, model.price.output) : undefined,
          model.context_window ? crewTexts.window(formats.tokens(model.context_window)) : undefined,
        ]
          .filter(Boolean)
          .join(" · "),
      },
    })),
  );
  const offline = found.some(({ option }) => option.id === OFFLINE)
    ? []
    : [{ id: OFFLINE, text: OFFLINE, more: crewTexts.offline }];
  const usable = found.filter((each) => each.usable).map((each) => each.option);
  return [...offline, ...usable, ...found.filter((each) => !each.usable).map((each) => each.option)];
}

const OFFLINE = "offline";

/** Says what keeps a known model from being used. */
export function modelWarning(models: Models | undefined, name: unknown): string | undefined {
  if (typeof name !== "string" || !name || !models) return undefined;
  const provider = models.providers.find((each) => each.models.some((model) => model.model === name));
  if (provider?.key === "none") return crewTexts.modelWithoutKey(provider.provider);
  return undefined;
}

/** The tools that an agent can name: one by one, or all of a server. */
export function toolOptions(tools: readonly Tool[] | undefined): Option[] {
  const servers = new Map<string, number>();
  for (const tool of tools ?? []) {
    const [server, name] = tool.name.split("__");
    if (tool.source === "mcp" && server && name) servers.set(server, (servers.get(server) ?? 0) + 1);
  }
  const whole = [...servers].map(([server, count]) => ({
    id: `${server}__*`,
    text: `${server}__*`,
    more: crewTexts.wholeServer(count),
  }));
  const each = (tools ?? []).map((tool) => ({ id: tool.name, text: tool.name, more: tool.description }));
  return [...whole, ...each];
}

/** Says why a tool that a text names cannot be used. */
export function toolFault(options: readonly Option[], tools: readonly Tool[] | undefined, name: string) {
  if (!tools || options.some((option) => option.id === name)) return undefined;
  return crewTexts.noTool(name);
}
