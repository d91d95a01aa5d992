import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { download, type RemoteFile } from '#uafer/download.js';

const body = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251));
const sha256 = createHash('sha256').update(body).digest('hex');

let folder: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-download-'));
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

/** Serves with `answer`; the returned file is what is to be had there. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<RemoteFile> {
  const listening = createServer(answer);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/model.pt`, sha256, path: join(folder, 'deep', 'model.pt') };
}

/** Answers like a server that knows ranges, and remembers what it was asked for. */
function ranged(asked: (string | undefined)[]): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    asked.push(request.headers.range);
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from >= body.length) return response.writeHead(416).end();
    const headers = { 'content-length': body.length - from };
    response.writeHead(from > 0 ? 206 : 200, headers).end(body.subarray(from));
  };
}

const partial = (file: RemoteFile) => `${file.path}.partial`;
/** Leaves the first `bytes` as an earlier, interrupted attempt would. */
function leavePartial(file: RemoteFile, bytes: Buffer): void {
  mkdirSync(join(folder, 'deep'), { recursive: true });
  writeFileSync(partial(file), bytes);
}

test('a whole file arrives, is renamed into place and reports its progress', async () => {
  const file = await serve(ranged([]));
  const seen: { received: number; total: number | undefined }[] = [];
  await download(file, { onProgress: (progress) => seen.push(progress) });
  expect(readFileSync(file.path).equals(body)).toBe(true);
  expect(existsSync(partial(file))).toBe(false);
  expect(seen.at(-1)).toEqual({ received: body.length, total: body.length });
});

test('a file that is there already is not fetched again', async () => {
  const asked: (string | undefined)[] = [];
  const file = await serve(ranged(asked));
  await download(file);
  await download(file);
  expect(asked).toHaveLength(1);
});

test('an earlier attempt is gone on with', async () => {
  const asked: (string | undefined)[] = [];
  const file = await serve(ranged(asked));
  leavePartial(file, body.subarray(0, 100_000));
  await download(file);
  expect(asked).toEqual(['bytes=100000-']);
  expect(readFileSync(file.path).equals(body)).toBe(true);
});

test('a connection that is cut is taken up again within one call', async () => {
  let requests = 0;
  const file = await serve((request, response) => {
    requests++;
    if (request.headers.range) return ranged([])(request, response);
    response.writeHead(200, { 'content-length': body.length });
    response.write(body.subarray(0, 120_000), () => setTimeout(() => response.destroy(), 50));
  });
  await download(file);
  expect(requests).toBe(2);
  expect(readFileSync(file.path).equals(body)).toBe(true);
});

test('a server without ranges sends everything and the earlier part is replaced', async () => {
  const file = await serve((_, response) => response.writeHead(200, { 'content-length': body.length }).end(body));
  leavePartial(file, Buffer.from('something else'));
  await download(file);
  expect(readFileSync(file.path).equals(body)).toBe(true);
});

test('a part that is whole already is checked and kept', async () => {
  const file = await serve(ranged([]));
  leavePartial(file, body);
  await download(file);
  expect(readFileSync(file.path).equals(body)).toBe(true);
});

test('another file than the expected one is thrown away, with both checksums named', async () => {
  const file = await serve((_, response) => response.writeHead(200).end('<html>please log in</html>'));
  const wrong = createHash('sha256').update('<html>please log in</html>').digest('hex');
  await expect(download(file)).rejects.toThrow(new RegExp(`${wrong}[^]*${sha256}`));
  expect(existsSync(file.path)).toBe(false);
  expect(existsSync(partial(file))).toBe(false);
});

test('a server that refuses is quoted, with what to do by hand', async () => {
  const file = await serve((_, response) => response.writeHead(404).end());
  await expect(download(file)).rejects.toMatchObject({
    code: 'DOWNLOAD',
    message: expect.stringContaining('answered 404 Not Found'),
  });
  await expect(download(file)).rejects.toThrow(`put the file at ${file.path}`);
});

test('no connection at all says so', async () => {
  const file = await serve(ranged([]));
  server?.close();
  await expect(download(file)).rejects.toMatchObject({ code: 'DOWNLOAD', message: expect.stringMatching(/ECONNREFUSED/) });
});

test('an aborted download keeps what has arrived', async () => {
  const controller = new AbortController();
  const file = await serve((_, response) => {
    response.writeHead(200, { 'content-length': body.length });
    response.write(body.subarray(0, 50_000), () => setTimeout(() => controller.abort(), 50));
  });
  await expect(download(file, { signal: controller.signal })).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(readFileSync(partial(file)).equals(body.subarray(0, 50_000))).toBe(true);
});

test('a server that announces far more than the file has is not followed', async () => {
  const file = await serve((_, response) => {
    response.writeHead(200, { 'content-length': 1e12 });
    response.write(body);
  });
  const failed = download({ ...file, aboutBytes: body.length });
  await expect(failed).rejects.toMatchObject({ code: 'DOWNLOAD', message: expect.stringMatching(/sends 1000000 MB or more/) });
  expect(existsSync(partial(file))).toBe(false);
});

test('nor one that announces nothing and sends on and on', async () => {
  const file = await serve((_, response) => {
    response.writeHead(200);
    const more = () => response.write(body, more);
    more();
  });
  await expect(download({ ...file, aboutBytes: body.length })).rejects.toThrow(/where 0 are expected/);
  // At most the bytes of one piece beyond the limit.
  expect(statSync(partial(file)).size).toBeLessThan(4 * body.length);
});

test('a connection that stalls is taken up again while it brings something, and given up when it brings nothing', async () => {
  const asked: (string | undefined)[] = [];
  const file = await serve((request, response) => {
    asked.push(request.headers.range);
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': body.length - from });
    response.flushHeaders();
    if (from < 200_000) response.write(body.subarray(from, from + 100_000));
  });
  await expect(download(file, { stallSeconds: 0.3 })).rejects.toMatchObject({
    code: 'DOWNLOAD',
    message: expect.stringContaining('nothing came for 0.3 s'),
  });
  expect(asked).toEqual([undefined, 'bytes=100000-', 'bytes=200000-']);
  expect(readFileSync(partial(file)).equals(body.subarray(0, 200_000))).toBe(true);
});
