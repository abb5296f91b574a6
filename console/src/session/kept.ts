const OF_THE_BROWSER = new Set(["kasal.theme"]);

/** Forgets what pages have kept in this browser of a person's work: another may log in here next. */
export function forgetKept(storages: Storage[] = [localStorage, sessionStorage]): void {
  for (const storage of storages) {
    for (const key of Object.keys(storage)) {
      if (key.startsWith("kasal.") && !OF_THE_BROWSER.has(key)) storage.removeItem(key);
    }
  }
}
