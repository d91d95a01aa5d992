import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Vitest's global setup: what trainings of tests keep of their pictures goes with the tests. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'uafer-pictures-'));
  process.env.UAFER_PICTURES = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
