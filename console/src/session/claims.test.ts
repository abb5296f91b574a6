import { expect, test } from "vitest";
import { loginOf } from "./claims.ts";

function token(claims: object): string {
  return `head.${btoa(JSON.stringify(claims)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}.signature`;
}

test("a login is a user in a workspace, whatever else the token says", () => {
  const first = loginOf(token({ sub: "usr_1", ws: "ws_1", iat: 1 }));
  expect(loginOf(token({ sub: "usr_1", ws: "ws_1", iat: 2, note: "ÿÿÿ?>" }))).toBe(first);
  expect(loginOf(token({ sub: "usr_2", ws: "ws_1" }))).not.toBe(first);
  expect(loginOf(token({ sub: "usr_1", ws: "ws_2" }))).not.toBe(first);
});
