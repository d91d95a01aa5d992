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

/** @param options of the command line, beside those that keep it to itself */
export function launchBrowser(options: readonly string[] = []): Promise<Browser> {
  const alone = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({
    executablePath: chromiumPath as string,
    args: ['--no-sandbox', '--disable-gpu', ...alone, ...options],
  });
}

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
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
export function serveRepository(pages: Readonly<Record<string, string | Uint8Array>>, isolated: boolean): Promise<Site> {
  return serve(isolated, (path) => {
    const page = pages[path];
    return page === undefined ? fileIn(ROOT, path) : { body: page, type: TYPES['.html'] as string };
  });
}

/** Serves a folder's files below a path, as any server of files does. */
export function serveFolder(folder: string, { under, isolated }: { under: string; isolated: boolean }): Promise<Site> {
  return serve(isolated, (path) => {
    if (!path.startsWith(under)) return null;
    return fileIn(folder, path === under ? 'index.html' : path.slice(under.length));
  });
}

interface Served {
  body: string | Uint8Array;
  type: string;
}

function fileIn(folder: string, path: string): Served | null {
  const file = join(folder, normalize(path));
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return null;
  return { body: readFileSync(file), type: TYPES[extname(path)] ?? 'application/octet-stream' };
}

async function serve(isolated: boolean, find: (path: string) => Served | null): Promise<Site> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    requests.push(path);
    if (isolated) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    const found = find(path);
    if (found) response.setHeader('Content-Type', found.type).end(found.body);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
