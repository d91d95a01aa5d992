/** Keeps the whole page, so that it opens without a network. What it keeps, and which build that is, `vite.config.ts` writes in here. */

/** Of the types of service workers what is used: they contradict those of pages. */
interface Scope {
  registration: { scope: string };
  clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: { waitUntil(work: Promise<unknown>): void }) => void): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<string>) => void): void;
  addEventListener(
    type: 'fetch',
    listener: (event: { request: Request; respondWith(response: Promise<Response>): void }) => void,
  ): void;
}

const scope = self as unknown as Scope;
const BUILD = 'BUILD_NUMBER';
const FILES = 'BUILD_FILES'.split('|');
/** Several copies of the page may lie on one server. */
const OURS = `uafer ${scope.registration.scope} `;
const NAME = OURS + BUILD;

scope.addEventListener('install', (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(FILES)));
});

scope.addEventListener('activate', (event) => {
  event.waitUntil(clean());
});

scope.addEventListener('message', ({ data, ports: [port] }) => {
  if (data === 'build') port?.postMessage(BUILD);
  if (data === 'take over') void scope.skipWaiting();
});

scope.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  if (method === 'GET' && url.startsWith(scope.registration.scope)) event.respondWith(kept(event.request));
});

async function clean(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(OURS) && name !== NAME).map((name) => caches.delete(name)));
  await scope.clients.claim();
}

async function kept(request: Request): Promise<Response> {
  const cache = await caches.open(NAME);
  const found = await cache.match(request, { ignoreSearch: true });
  return found ?? (request.mode === 'navigate' ? await cache.match('index.html') : undefined) ?? fetch(request);
}
