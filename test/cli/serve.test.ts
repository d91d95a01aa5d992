/** `uafer serve` through the real command line: how it starts, what it logs, and how it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/pictures.js';
import { exampleFace, examplePhoto, metric, postPicture } from '../support/service.js';
import { main, uafer } from './run.js';

const TOKENS = ['0123456789abcdef-old', '0123456789abcdef-new'] as const;

interface Started {
  url: string;
  child: ChildProcess;
  output: { stdout: string; stderr: string };
  /** How it ended. */
  ended: Promise<{ code: number | null; signal: string | null }>;
}

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

/** Starts the command on a free port, and waits until it says where it listens. */
function start(args: string[] = [], env: Record<string, string> = {}): Promise<Started> {
  const child = spawn(process.execPath, [main, 'serve', '--port', '0', '--threads', '1', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  const output = { stdout: '', stderr: '' };
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal })),
  );
  return new Promise((resolve, reject) => {
    void ended.then(() => reject(new Error(output.stderr)));
    child.stdout.on('data', (chunk) => {
      output.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output.stderr += chunk;
      const url = /listens on (\S+)\. /.exec(output.stderr)?.[1];
      if (url) resolve({ url, child, output, ended });
    });
  });
}

const logged = ({ output }: Started) =>
  output.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('uafer serve', () => {
  it('answers, logs who was answered and nothing of the pictures, and ends well on SIGTERM', async () => {
    const started = await start();
    expect(started.output.stderr).toMatch(
      /^uafer-small on onnxruntime.* listens on http:\/\/127\.0\.0\.1:\d+\. Ctrl-C ends it\.\n$/,
    );
    const form = new FormData();
    form.append('picture', new Blob([examplePhoto('three')]), 'private name.jpg');
    const headers = { 'x-request-id': 'mine' };
    const response = await fetch(`${started.url}/v1/predict?abstain=0.123`, { method: 'POST', body: form, headers });
    expect((await response.json()).pictures[0]).toMatchObject({ file: 'private name.jpg', width: 1920 });
    await fetch(`${started.url}/private/path?private=query`, {
      headers: { authorization: 'Bearer private', cookie: 'private' },
    });
    started.child.kill('SIGTERM');
    expect(await started.ended).toEqual({ code: 0, signal: null });
    const lines = logged(started);
    expect(lines).toContainEqual(
      expect.objectContaining({ reqId: 'mine', route: '/v1/predict', status: 200, pictures: 1, faces: 3, msg: 'answered' }),
    );
    expect(lines).toContainEqual(expect.objectContaining({ route: 'other', status: 404 }));
    for (const secret of ['private', '0.123', 'happy', 'uncertainty']) expect(started.output.stdout).not.toContain(secret);
  });

  it('answers all that was sent before SIGTERM, under load, and takes nothing after it', async () => {
    const started = await start(['--batch', '1']);
    const photo = examplePhoto('four');
    const asked = Array.from({ length: 24 }, () => postPicture(started.url, photo));
    await expect.poll(() => metric(started.url, 'uafer_queue_pictures'), { timeout: 20_000 }).toBeGreaterThan(10);
    // Everything is there by now: the last request came in before the metrics were asked for.
    await expect.poll(async () => (await answeredAndWaiting(started.url)) === 24, { timeout: 20_000 }).toBe(true);
    started.child.kill('SIGTERM');
    const responses = await Promise.all(asked);
    expect(responses.map(({ status }) => status)).toEqual(Array(24).fill(200));
    expect(responses.some(({ headers }) => headers.get('connection') === 'close')).toBe(true);
    for (const response of responses) expect((await response.json()).pictures[0].faces).toHaveLength(4);
    expect(await started.ended).toEqual({ code: 0, signal: null });
    expect(logged(started).filter(({ route, status }) => route === '/v1/predict' && status === 200)).toHaveLength(24);
    await expect(postPicture(started.url, photo)).rejects.toThrow();
  });

  it('loses no request whose upload was under way at SIGTERM', async () => {
    const started = await start();
    const face = exampleFace('happy_1');
    const said = await new Promise<string>((resolve) => {
      const { hostname, port } = new URL(started.url);
      let text = '';
      const socket = connect(Number(port), hostname, async () => {
        socket.write(
          `POST /v1/predict?aligned=true HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\nContent-Length: ${face.length}\r\n\r\n`,
        );
        socket.write(face.subarray(0, 1000));
        await expect.poll(() => metric(started.url, 'uafer_queue_pictures')).toBe(0);
        started.child.kill('SIGTERM');
        await expect.poll(() => started.output.stderr).toContain('Answering what was sent');
        socket.write(face.subarray(1000));
      });
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
    });
    expect(said).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close[\s\S]*"expression":"happy"/);
    expect(await started.ended).toEqual({ code: 0, signal: null });
  });

  it('ends at once at a second signal', async () => {
    const started = await start(['--batch', '1']);
    const asked = Array.from({ length: 40 }, () => postPicture(started.url, examplePhoto('four')).catch(() => null));
    await expect.poll(() => metric(started.url, 'uafer_queue_pictures'), { timeout: 20_000 }).toBeGreaterThan(10);
    started.child.kill('SIGINT');
    await expect.poll(() => started.output.stderr).toContain('Ctrl-C again ends at once.');
    started.child.kill('SIGINT');
    expect(await started.ended).toEqual({ code: null, signal: 'SIGINT' });
    expect((await Promise.all(asked)).some((response) => response === null)).toBe(true);
  });

  it('asks for tokens of the environment and of a file, which can be replaced while it runs', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'tokens');
    writeFileSync(file, TOKENS[0]);
    const started = await start(['--tokens', file], { UAFER_TOKENS: 'environment-token-1, environment-token-2' });
    const status = async (token: string) =>
      (await fetch(`${started.url}/v1/model`, { headers: { authorization: `Bearer ${token}` } })).status;
    for (const token of [TOKENS[0], 'environment-token-1', 'environment-token-2']) expect(await status(token)).toBe(200);
    expect(await status(TOKENS[1])).toBe(401);
    writeFileSync(`${file}.new`, TOKENS[1]);
    renameSync(`${file}.new`, file);
    await expect.poll(() => status(TOKENS[1]), { timeout: 5000, interval: 200 }).toBe(200);
    expect(await status(TOKENS[0])).toBe(401);
    writeFileSync(file, '');
    await expect
      .poll(async () => [await status(TOKENS[1]), started.output.stdout], { timeout: 5000, interval: 200 })
      .toEqual([200, expect.stringContaining('holds no token')]);
    expect(started.output.stdout).toContain('3 tokens are known now.');
    for (const token of TOKENS) expect(started.output.stdout).not.toContain(token);
  });

  it('warns where everybody in the network can ask, and of tokens in the clear', async () => {
    const open = await start(['--host', '0.0.0.0']);
    await expect.poll(() => open.output.stderr).toContain('Warning: Everybody who reaches 0.0.0.0 can ask: give tokens');
    await expect
      .poll(() => logged(open))
      .toContainEqual(expect.objectContaining({ level: 40, msg: expect.stringContaining('give tokens') }));
    const closed = await start(['--host', '0.0.0.0'], { UAFER_TOKENS: TOKENS[0] });
    await expect.poll(() => closed.output.stderr).toContain('Warning: Tokens and pictures cross the network in the clear');
    expect(closed.output.stderr).not.toContain('Everybody');
  });

  it('says what to do when it cannot start', async () => {
    const taken = await start();
    const { port } = new URL(taken.url);
    for (const [args, code, said] of [
      [
        ['--port', port],
        1,
        `Cannot listen on 127.0.0.1, port ${port}: something listens there already: end it, or choose another --port.`,
      ],
      [['--host', 'no.such.host.invalid'], 1, 'there is no such host: choose another --host.'],
      [['--host', '192.0.2.1'], 1, 'this machine has no such address: choose another --host.'],
      [['nowhere'], 1, 'nowhere is no folder: expected an exported model'],
      [['--port', '65536'], 2, 'Expected a whole number from 0 to 65535.'],
      [['--tls-cert', 'a.pem'], 2, '--tls-cert and --tls-key belong together'],
      [['--tls-cert', 'a.pem', '--tls-key', 'b.pem'], 2, 'a.pem cannot be read: it does not exist'],
      [['--cors', 'example.org'], 2, '--cors example.org: expected an origin such as https://example.org'],
      [['--queue', '4'], 2, 'A queue of 4 pictures cannot take a request of 16'],
      [['--tokens', 'nothing.txt'], 2, 'nothing.txt cannot be read as a file of tokens'],
      [['--web', 'nowhere'], 2, 'nowhere has no index.html'],
      [['--prot', '1'], 2, "unknown option '--prot'"],
    ] as const) {
      const outcome = await uafer(['serve', '--port', '0', ...args]);
      expect(outcome.stderr, args.join(' ')).toContain(said);
      expect(outcome, args.join(' ')).toMatchObject({ code, stdout: '' });
    }
    const short = await uafer(['serve'], { env: { UAFER_TOKENS: 'short' } });
    expect(short).toMatchObject({ code: 2, stderr: expect.stringContaining('UAFER_TOKENS: token 1 has 5 letters') });
  });

  it('says what to install where its packages are missing', async () => {
    using folder = temporaryFolder();
    const hooks = join(folder.path, 'hooks.mjs');
    writeFileSync(
      hooks,
      `import { register } from 'node:module';
       if (!process.env.HOOKED) {
         process.env.HOOKED = '1';
         register(import.meta.url);
       }
       export const resolve = (name, context, next) => {
         if (name === 'fastify') throw Object.assign(new Error("Cannot find package 'fastify'"), { code: 'ERR_MODULE_NOT_FOUND' });
         return next(name, context);
       };`,
    );
    const { code, stderr } = await uafer(['serve', '--port', '0'], {
      env: { NODE_OPTIONS: `--import=${pathToFileURL(hooks)}` },
    });
    expect(stderr).toContain(
      "packages that are not installed here (Cannot find package 'fastify'). Install them: npm install fastify",
    );
    expect(code).toBe(1);
  });
});

async function answeredAndWaiting(url: string): Promise<number> {
  const [answered, waiting] = await Promise.all([
    metric(url, 'uafer_request_seconds_count{route="/v1/predict",method="POST",status="200"}'),
    metric(url, 'uafer_queue_pictures'),
  ]);
  return (answered || 0) + waiting;
}
