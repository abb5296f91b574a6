const DOLLARS = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const COUNT = new Intl.NumberFormat("en-US");
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DAY_AND_YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** `$1.24`; `$0.0031` where two digits would say nothing; `—` if the price is not known. */
export function money(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return "—";
  if (usd === 0 || Math.abs(usd) >= 0.01) return DOLLARS.format(usd);
  return Math.abs(usd) < 0.0001 ? "< $0.0001" : `$${usd.toFixed(4)}`;
}

/** `1,234`. */
export function count(value: number): string {
  return COUNT.format(value);
}

/** `950`, `12.4K`, `3.1M`. */
export function tokens(value: number): string {
  return SHORT.format(value);
}

/** `320 ms`, `4.2 s`, `3 m 05 s`, `2 h 07 m`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${pad(whole % 60)} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} m`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** `now`, `4m ago`, `in 2h`, `yesterday`; the day for what is more than a week away. */
export function relative(time: string | number | Date, now = Date.now()): string {
  const date = new Date(time);
  const away = date.getTime() - now;
  if (Number.isNaN(away)) return "—";
  if (Math.abs(away) >= 7 * 86_400_000) {
    return (date.getFullYear() === new Date(now).getFullYear() ? DAY : DAY_AND_YEAR).format(date);
  }
  for (const [unit, ms] of UNITS) {
    if (Math.abs(away) >= ms) return RELATIVE.format(Math.trunc(away / ms), unit);
  }
  return Math.abs(away) < 10_000 ? "now" : RELATIVE.format(Math.trunc(away / 1000), "second");
}

/** The day and the time of day, in the reader's zone. */
export function exact(time: string | number | Date): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "—" : EXACT.format(date);
}

/** `512 B`, `3.4 KB`, `12 MB`. */
export function bytes(size: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let value = size;
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}
