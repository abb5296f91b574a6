import type { Row } from "./rows.ts";

export type Step =
  | { act: "move"; to: number }
  | { act: "fold"; lane: string; open: boolean }
  | { act: "choose" }
  | { act: "close" };

/** What a key does at the line `active` of a tree, by the keys that trees have (ARIA Authoring Practices, Tree View). */
export function stepOf(key: string, rows: readonly Row[], active: number, page: number): Step | null {
  const row = rows[active];
  switch (key) {
    case "ArrowDown":
      return { act: "move", to: active + 1 };
    case "ArrowUp":
      return { act: "move", to: active - 1 };
    case "PageDown":
      return { act: "move", to: active + page };
    case "PageUp":
      return { act: "move", to: active - page };
    case "Home":
      return { act: "move", to: 0 };
    case "End":
      return { act: "move", to: rows.length - 1 };
    case "Escape":
      return { act: "close" };
    case "Enter":
    case " ":
      return row ? { act: "choose" } : null;
    case "ArrowRight":
      if (row?.kind === "lane" && !row.open) return { act: "fold", lane: row.lane.id, open: true };
      return { act: "move", to: active + 1 };
    case "ArrowLeft":
      if (row?.kind === "lane" && row.open) return { act: "fold", lane: row.lane.id, open: false };
      return { act: "move", to: parentOf(rows, active) };
    default:
      return null;
  }
}

function parentOf(rows: readonly Row[], index: number): number {
  const depth = rows[index]?.depth ?? 0;
  for (let at = index - 1; at >= 0; at--) if (rows[at]!.depth < depth) return at;
  return index;
}
