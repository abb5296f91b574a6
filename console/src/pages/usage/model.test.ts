import { describe, expect, it } from "vitest";
import { csvOf, daysOf, monthsUntil, perDay, type Row, shareOf } from "./model.ts";

const NOW = new Date("2026-03-05T23:30:00Z");

function row(fields: Partial<Row>): Row {
  return { tokens: 0, requests: 0, input_tokens: 0, output_tokens: 0, cost_usd: null, ...fields };
}

describe("usage", () => {
  it("knows months and days in UTC", () => {
    expect(monthsUntil(NOW, 4)).toEqual(["2026-03", "2026-02", "2026-01", "2025-12"]);
    expect(daysOf("2026-03", NOW)).toHaveLength(5);
    expect(daysOf("2024-02", NOW)).toHaveLength(29);
  });

  it("adds up days, and shows those without a run", () => {
    const rows = [row({ day: "2026-03-02", tokens: 3, cost_usd: 0.5 }), row({ day: "2026-03-02", tokens: 4 })];
    expect(perDay(rows, daysOf("2026-03", NOW))).toEqual({ tokens: [0, 7, 0, 0, 0], cost: [0, 0.5, 0, 0, 0] });
  });

  it("is written as CSV that spreadsheets read and do not run", () => {
    const csv = csvOf([row({ model: '=1+"2"', tokens: 5, cost_usd: 0.1 }), row({ model: "a,b", tokens: 1 })]);
    expect(csv.split("\r\n")[0]).toBe("model,requests,input_tokens,output_tokens,tokens,cost_usd");
    expect(csv).toContain(`"'=1+""2""",0,0,0,5,0.1`);
    expect(csv).toContain(`"a,b",0,0,0,1,\r\n`);
  });

  it("tells how much of a budget is used", () => {
    expect(shareOf(5, 10)).toBe(0.5);
    expect(shareOf(20, 10)).toBe(1);
    expect(shareOf(5, null)).toBe(0);
  });
});
