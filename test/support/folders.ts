import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Every file under a folder with the SHA-256 of its content, by its name relative to the folder. */
export function contentsOf(root: string): Record<string, string> {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(root, name)).isFile());
  const hash = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(root, name)))
      .digest('hex');
  return Object.fromEntries(files.sort().map((name) => [name.replaceAll('\\', '/'), hash(name)]));
}
