/** A real browser, and a server of this repository's files for it. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Debian's Chromium, or the one that `CHROMIUM` names; null where there is none. */
const chromiumPath =
  [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
    (path) => path !== undefined && existsSync(path),
  ) ?? null;

/** Why tests in a browser have to be skipped; null when there is one. */
export const missingBrowser = chromiumPath
  ? null
  : 'no Chromium was found (apt install chromium, or CHROMIUM names one): the tests in a browser are skipped';

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath as string,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.jpg': 'image/jpeg',
  '.png': 'image/png',
};

export interface Site {
  url: string;
  /** Paths that were asked for. */
  requests: string[];
  close(): Promise<void>;
}

/** Serves the repository's files, and `pages` by their paths; with the headers that give threads, when `isolated`. */
export async function serveRepository(pages: Readonly<Record<string, string | Uint8Array>>, isolated: boolean): Promise<Site> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    requests.push(path);
    if (isolated) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    const page = pages[path];
    const file = join(ROOT, normalize(path));
    response.setHeader('Content-Type', TYPES[page === undefined ? extname(path) : '.html'] ?? 'application/octet-stream');
    if (page !== undefined) response.end(page);
    else if (statSync(file, { throwIfNoEntry: false })?.isFile()) response.end(readFileSync(file));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
