import { commonTexts } from "../texts/common.ts";
import { icons } from "../ui/index.ts";

const { pages } = commonTexts;

/** The pages of the navigation, with the second key of their shortcut, after `g`. */
export const PLACES = [
  { href: "/", text: pages.home, Icon: icons.HomeIcon, key: "h" },
  { href: "/runs", text: pages.runs, Icon: icons.RunsIcon, key: "r" },
  { href: "/crews", text: pages.crews, Icon: icons.CrewsIcon, key: "c" },
  { href: "/inbox", text: pages.inbox, Icon: icons.InboxIcon, key: "i" },
  { href: "/tools", text: pages.tools, Icon: icons.ToolsIcon, key: "t" },
  { href: "/models", text: pages.models, Icon: icons.ModelsIcon, key: "m" },
  { href: "/files", text: pages.files, Icon: icons.FilesIcon, key: "f" },
  { href: "/memory", text: pages.memory, Icon: icons.MemoryIcon, key: "e" },
  { href: "/usage", text: pages.usage, Icon: icons.UsageIcon, key: "u" },
  { href: "/workspace", text: pages.workspace, Icon: icons.WorkspaceIcon, key: "w" },
] as const;

export function isAt(location: string, href: string): boolean {
  return href === "/" ? location === "/" : location === href || location.startsWith(`${href}/`);
}
