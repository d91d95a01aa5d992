import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Vitest's global setup: the tests compare with the Python that `scripts/comparison-python.js` made, unless PYTHON names another. */
export function setup(): void {
  const python = fileURLToPath(new URL('../../node_modules/.cache/uafer-python/python', import.meta.url));
  if (!process.env.PYTHON && existsSync(python)) process.env.PYTHON = python;
}
