/** Static files beside the service: a page that works wholly in the browser, with the headers that its threads need. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { UaferError } from '../errors.js';
import { isFolder } from '../files.js';
import { packagePath } from '../paths.js';
import { shown } from '../shown.js';
import type { ServePackages } from './packages.js';

/** The page of the package. */
export const shippedPage = (): string => packagePath('web', 'dist');

/** Throws `USAGE` where a folder holds no page. */
export function requirePage(folder: string): void {
  if (isFolder(folder) && existsSync(join(folder, 'index.html'))) return;
  const remedy =
    folder === shippedPage()
      ? 'build the page (`npm run build:web`), or name a folder with --web FOLDER'
      : 'name a folder that holds a built page';
  throw new UaferError('USAGE', `${shown(folder)} has no index.html: ${remedy}.`);
}

/** Only what comes from here runs, WebAssembly among it; nothing is sent anywhere else. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "connect-src 'self' blob: data:",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  // Together they isolate the page, without which a browser gives it no threads with shared memory.
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(self), microphone=(), geolocation=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

export async function addPage(app: FastifyInstance, { files }: ServePackages, folder: string): Promise<void> {
  await app.register(async (scope) => {
    scope.addHook('onSend', async (_, reply) => void reply.headers(HEADERS));
    await scope.register(files, { root: folder, dotfiles: 'ignore', decorateReply: false });
  });
}
