import { expect, it } from "vitest";
import { returnPath } from "./return-path.ts";

it.each([
  ["next=%2Fruns%2Fjob_1%3Fview%3Dfull", "/runs/job_1?view=full"],
  ["", "/"],
  ["next=https%3A%2F%2Fevil.example", "/"],
  ["next=%2F%2Fevil.example", "/"],
  ["next=%2F%5Cevil.example", "/"],
  ["next=%2Flogin%3Fnext%3D%2F", "/"],
])("%s leads to %s", (search, path) => expect(returnPath(search)).toBe(path));
