import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file or folder that the package ships, by its path from the package's root, e.g. `packagePath('recipes', 'released.yaml')`. */
export function packagePath(...parts: string[]): string {
  return join(fileURLToPath(new URL('..', import.meta.url)), ...parts);
}

/** What the package says of itself. */
export function packageFacts(): { version: string; description: string } {
  return JSON.parse(readFileSync(packagePath('package.json'), 'utf8'));
}

/** Where uafer keeps what it fetches and builds: `$UAFER_HOME`, else `uafer` in `$XDG_CACHE_HOME`, else `~/.cache/uafer`. */
export function uaferHome(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return process.env.UAFER_HOME || join(cache, 'uafer');
}

/** Where decoded pictures are kept: `$UAFER_PICTURES`, else `pictures` in `uaferHome`. */
export function keptPicturesFolder(): string {
  return process.env.UAFER_PICTURES || join(uaferHome(), 'pictures');
}
