import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { examples } from "./index.ts";
import { quoted, recipesOf } from "./recipes.ts";

describe("an example as code", () => {
  it.each(examples.map((example) => [example.id, example] as const))(
    "%s: has the same crew everywhere",
    (_, example) => {
      const { curl, kasal, python } = recipesOf(example, "http://localhost:8000");
      expect(parse(/<<'END'\n([\s\S]*)\nEND/.exec(kasal)?.[1] ?? "")).toEqual(example.crew);
      expect(parse(/"""\n([\s\S]*)\n"""/.exec(python)?.[1] ?? "")).toEqual(example.crew);
      expect(curl).toContain(quoted(JSON.stringify(example.crew, null, 2)));
    },
  );

  it("quotes what a shell would read", () => {
    expect(quoted("it's $HOME")).toBe(`'it'\\''s $HOME'`);
  });
});
