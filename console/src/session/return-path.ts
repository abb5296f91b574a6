/** The page to go to after a login: `next` of the address, if it is a page of the console. */
export function returnPath(search: string): string {
  const next = new URLSearchParams(search).get("next") ?? "/";
  // `//host` and `/\host` would leave the console.
  return /^\/(?![/\\])/.test(next) && !next.startsWith("/login") ? next : "/";
}
