// @vitest-environment happy-dom
import { afterEach, expect, test } from "vitest";
import { forgetKept } from "./kept.ts";

afterEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

test("a logout forgets a person's texts, inputs and drafts, and keeps what is the browser's", () => {
  localStorage.setItem("kasal.text.crew_1", "name: secret");
  localStorage.setItem("kasal.inputs.crew_1", "{}");
  localStorage.setItem("kasal.theme", "dark");
  localStorage.setItem("other", "stays");
  sessionStorage.setItem("kasal.draft.new", "{}");
  forgetKept();
  expect(Object.keys(localStorage).sort()).toEqual(["kasal.theme", "other"]);
  expect(sessionStorage.length).toBe(0);
});
