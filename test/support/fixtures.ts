import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));
const DECOMPRESSED = fileURLToPath(new URL('../../node_modules/.cache/uafer-fixtures/', import.meta.url));

/** Path of a file of test/fixtures by its plain name; what is kept there as `name.br` is decompressed once and kept beside. */
export function fixture(name: string): string {
  const plain = join(FIXTURES, name);
  const packed = `${plain}.br`;
  if (!existsSync(packed)) return plain;
  const target = join(DECOMPRESSED, name);
  if (!isNewer(target, packed)) decompress(packed, target);
  return target;
}

/** Content of a JSON file of test/fixtures. */
export function jsonFixture<T>(name: string): T {
  return JSON.parse(readFileSync(fixture(name), 'utf8')) as T;
}

function isNewer(file: string, than: string): boolean {
  return existsSync(file) && statSync(file).mtimeMs > statSync(than).mtimeMs;
}

/** Test files run in several processes: each writes its own copy and renames it. */
function decompress(packed: string, target: string): void {
  mkdirSync(DECOMPRESSED, { recursive: true });
  const own = `${target}.${process.pid}`;
  writeFileSync(own, brotliDecompressSync(readFileSync(packed)));
  renameSync(own, target);
}
