/** Who a token is for: the user and the workspace in its claims. */
export function loginOf(token: string): string {
  const payload = token.split(".")[1] ?? "";
  const { sub, ws } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as Record<string, unknown>;
  return `${String(sub)} ${String(ws)}`;
}
