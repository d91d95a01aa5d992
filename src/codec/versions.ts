/** Which decoders these are: with another version of one, a file may give other bytes. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';

const DECODERS = ['sharp', '@cornerstonejs/codec-libjpeg-turbo-8bit', 'bmp-ts'];

/** The decoders of picture files with their versions, e.g. `sharp 0.35.5`. */
export function decoderVersions(): string[] {
  return DECODERS.map((name) => `${name} ${versionOf(name)}`);
}

/** Not every package exports its `package.json`. */
function versionOf(name: string): string {
  const entry = createRequire(import.meta.url).resolve(name);
  const folder = join('node_modules', ...name.split('/')) + sep;
  const root = entry.slice(0, entry.lastIndexOf(folder) + folder.length);
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
}
