import { useState } from "react";
import { exampleTexts } from "../texts/examples.ts";
import { Json, Tabs } from "../ui/index.ts";
import type { Example } from "./index.ts";
import { recipesOf } from "./recipes.ts";

/** An example as code, to be pasted. */
export default function Recipe({ example }: { example: Example }) {
  const [selected, setSelected] = useState("curl");
  const recipes = recipesOf(example, window.location.origin);
  return (
    <Tabs
      label={exampleTexts.asCode}
      selected={selected}
      onSelect={setSelected}
      items={(["curl", "kasal", "python"] as const).map((id) => ({
        id,
        title: exampleTexts.languages[id],
        content: <Json value={recipes[id]} label={exampleTexts.languages[id]} />,
      }))}
    />
  );
}
