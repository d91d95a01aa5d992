/** A service in this process, and requests to it. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { packagePath } from '#uafer/paths.js';
import { type RunningService, startService } from '#uafer/serve/serve.js';
import { SERVE_BATCHING, SERVE_LIMITS, type ServeSettings } from '#uafer/serve/settings.js';

type Changed = Partial<Omit<ServeSettings, 'limits' | 'batching'>> & {
  limits?: Partial<ServeSettings['limits']>;
  batching?: Partial<ServeSettings['batching']>;
};

/** Starts one on a free port of this machine, which says nothing. */
export async function testService({ limits, batching, ...changed }: Changed = {}): Promise<RunningService & AsyncDisposable> {
  const service = await startService({
    predictor: { threads: 1 },
    host: '127.0.0.1',
    port: 0,
    logLevel: 'silent',
    ...changed,
    limits: { ...SERVE_LIMITS, ...limits },
    batching: { ...SERVE_BATCHING, ...batching },
  });
  return { ...service, [Symbol.asyncDispose]: service.stop };
}

export const examplePhoto = (name: string): Buffer => readFileSync(packagePath('examples', 'photos', `${name}.jpg`));
export const exampleFace = (name: string): Buffer => readFileSync(packagePath('assets', 'faces', `${name}.jpg`));

/** Posts the bytes of a picture. */
export function postPicture(url: string, bytes: Uint8Array, { query = '', type = 'image/jpeg', ...init }: PostOptions = {}) {
  const headers = { 'content-type': type, ...init.headers };
  return fetch(`${url}/v1/predict${query}`, { method: 'POST', body: bytes, ...init, headers });
}

interface PostOptions {
  query?: string;
  type?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** The value of a metric, by its name with its labels. */
export async function metric(url: string, name: string, headers: Record<string, string> = {}): Promise<number> {
  const text = await (await fetch(`${url}/metrics`, { headers })).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? Number.NaN : Number(line.slice(name.length));
}

/** Writes to a connection as a client should not, and gives all that comes back until the other side ends it. */
export function converse(url: string, write: (socket: import('node:net').Socket) => void): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => write(socket));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('close', () => resolve(text));
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve(text) : reject(error)));
  });
}
