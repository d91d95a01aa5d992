/** The page without a network: the service worker that keeps it, which build that is, and whether a newer one waits. */
import { update } from './store';

let waiting: ServiceWorker | null = null;

/** Called once everything is loaded, so that what is kept comes from the browser's own cache and not over the network again. */
export async function keepForOffline(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  const hadOne = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    if (waiting) location.reload();
  });
  try {
    const registration = await navigator.serviceWorker.register('./serviceWorker.js', { scope: './' });
    await navigator.serviceWorker.ready;
    const tell = async () => {
      waiting = hadOne || registration.waiting ? registration.waiting : null;
      const build = await buildOf(registration.active);
      if (build) update({ offline: { build, newer: waiting !== null } });
    };
    registration.addEventListener('updatefound', () => {
      registration.installing?.addEventListener('statechange', () => void tell());
    });
    await tell();
  } catch {
    // A server without https, or a browser that keeps nothing: the page works as long as it is open.
  }
}

/** Loads the newer build. */
export function takeOver(): void {
  waiting?.postMessage('take over');
}

function buildOf(worker: ServiceWorker | null): Promise<string | null> {
  if (!worker) return Promise.resolve(null);
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }: MessageEvent<string>) => {
      port1.close();
      resolve(data);
    };
    worker.postMessage('build', [port2]);
  });
}
