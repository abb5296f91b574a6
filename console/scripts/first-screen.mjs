// Adds up what the browser loads before the home page shows, as it comes over the wire, and fails beyond the limit.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT = 250 * 1024;
const dist = new URL("../dist.new/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));
const files = new Set();

function add(key) {
  const chunk = manifest[key];
  if (!chunk || files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const style of chunk.css ?? []) files.add(style);
  for (const next of chunk.imports ?? []) add(next);
}

add("index.html");
add("src/pages/home/index.tsx");
const sizes = [...files].map((file) => [gzipSync(readFileSync(new URL(file, dist))).length, file]);
const sum = sizes.reduce((total, [size]) => total + size, 0);
console.log(`The first screen: ${(sum / 1024).toFixed(1)} KB gzipped of ${LIMIT / 1024} KB, in ${files.size} files.`);
if (sum > LIMIT) {
  for (const [size, file] of sizes.sort((a, b) => b[0] - a[0])) console.error(`${(size / 1024).toFixed(1)} KB ${file}`);
  process.exit(1);
}
