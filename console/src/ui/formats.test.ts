import { describe, expect, it } from "vitest";
import { bytes, duration, money, relative, tokens } from "./formats.ts";

describe("figures", () => {
  it.each([
    [null, "—"],
    [0, "$0.00"],
    [1.239, "$1.24"],
    [0.0031, "$0.0031"],
    [0.00001, "< $0.0001"],
  ])("money: %s is %s", (usd, text) => expect(money(usd)).toBe(text));

  it.each([
    [320, "320 ms"],
    [4230, "4.2 s"],
    [59_960, "1 m 00 s"],
    [185_000, "3 m 05 s"],
    [7_620_000, "2 h 07 m"],
    [273_600_000, "3 d 4 h"],
  ])("duration: %s is %s", (ms, text) => expect(duration(ms)).toBe(text));

  it("counts tokens and bytes shortly", () => {
    expect(tokens(12_400)).toBe("12.4K");
    expect(bytes(512)).toBe("512 B");
    expect(bytes(3_500_000)).toBe("3.3 MB");
  });

  it("says when in words", () => {
    const now = Date.parse("2026-11-28T12:00:00Z");
    expect(relative("2026-11-28T11:59:58Z", now)).toBe("now");
    expect(relative("2026-11-28T11:56:00Z", now)).toBe("4m ago");
    expect(relative("2026-11-28T14:00:00Z", now)).toBe("in 2h");
    expect(relative("2026-11-01T12:00:00Z", now)).toBe("1 Nov");
    expect(relative("nonsense", now)).toBe("—");
  });
});
