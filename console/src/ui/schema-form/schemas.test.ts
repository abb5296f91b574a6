import { describe, expect, it } from "vitest";
import { inferredSchema, isPlain, withoutPatterns } from "./schemas.ts";
import { complaints } from "./validator.ts";

describe("a schema without its patterns", () => {
  it("keeps a property that is called pattern", () => {
    const schema = {
      properties: { pattern: { type: "string", pattern: "(a+)+$" } },
      patternProperties: { "(a+)+$": {} },
    };
    expect(withoutPatterns(schema)).toEqual({ properties: { pattern: { type: "string" } } });
  });

  it("keeps data as it is", () => {
    expect(withoutPatterns({ enum: [{ pattern: "x" }], default: { pattern: "y" } })).toEqual({
      enum: [{ pattern: "x" }],
      default: { pattern: "y" },
    });
  });

  it("does not let a pattern stop the page", () => {
    expect(complaints({ type: "string", pattern: "^(a+)+$" }, `${"a".repeat(60)}!`)).toEqual([]);
  });
});

describe("what is wrong with a value", () => {
  it("is told at its place", () => {
    const schema = {
      type: "object",
      required: ["amount"],
      properties: {
        amount: { type: "number" },
        lines: { type: "array", items: { type: "object", properties: { n: { type: "integer" } } } },
      },
    };
    expect(complaints(schema, {}).map(({ property }) => property)).toEqual([".amount"]);
    expect(complaints(schema, { amount: 1, lines: [{ n: "x" }] }).map(({ property }) => property)).toEqual([
      ".lines.0.n",
    ]);
    expect(complaints(schema, { amount: 1 })).toEqual([]);
  });
});

describe("a schema made of a value", () => {
  it("describes the value", () => {
    const value = { to: "ada@example.com", copies: 2, rate: 0.5, urgent: true, tags: ["a"] };
    expect(complaints(inferredSchema(value), value)).toEqual([]);
    expect(isPlain(value)).toBe(true);
  });

  it.each([[{ a: null }], [{ a: [1, "x"] }], [{ a: [{ b: 1 }] }]])("leaves %j to JSON", (value) => {
    expect(isPlain(value)).toBe(false);
  });
});
