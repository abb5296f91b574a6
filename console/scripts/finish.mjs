// Compresses what the build has made, for servers that cannot, and puts it in the place of the last build.
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const made = new URL("../dist.new/", import.meta.url);
const dist = new URL("../dist/", import.meta.url);
const COMPRESSIBLE = /\.(html|js|css|svg|json|txt|webmanifest)$/;
const SMALLEST = 1024;

rmSync(new URL(".vite/", made), { recursive: true });
for (const name of readdirSync(made, { recursive: true })) {
  if (!COMPRESSIBLE.test(name)) continue;
  const body = readFileSync(new URL(name, made));
  if (body.length < SMALLEST) continue;
  const hint = { [constants.BROTLI_PARAM_SIZE_HINT]: body.length };
  writeFileSync(new URL(`${name}.br`, made), brotliCompressSync(body, { params: hint }));
  writeFileSync(new URL(`${name}.gz`, made), gzipSync(body, { level: 9 }));
}
rmSync(dist, { recursive: true, force: true });
renameSync(made, dist);
