/** Who may ask, from where, and what is served beside. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/pictures.js';
import { converse, exampleFace, metric, postPicture, testService } from '../support/service.js';

const TOKEN = '0123456789abcdef-token';
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
const tls = { certificate: fixture('certificate.pem'), key: fixture('key.pem') };
const face = exampleFace('happy_1');
const aligned = '?aligned=true';

describe('with tokens', () => {
  it('pictures, the model and the metrics need one, and probes and the description do not', async () => {
    await using service = await testService({ tokens: [TOKEN] });
    const ask = (path: string, authorization?: string) =>
      fetch(service.url + path, { headers: authorization === undefined ? {} : { authorization } });
    for (const path of ['/healthz', '/readyz', '/openapi.json']) expect((await ask(path)).status).toBe(200);
    for (const path of ['/v1/model', '/metrics']) {
      expect((await ask(path, `Bearer ${TOKEN}`)).status).toBe(200);
      for (const wrong of [undefined, 'Bearer wrong', `Bearer ${TOKEN}0`, `Basic ${TOKEN}`]) {
        const response = await ask(path, wrong);
        expect(response.status).toBe(401);
        expect(response.headers.get('www-authenticate')).toBe('Bearer');
        expect(await response.json()).toMatchObject({ type: 'urn:uafer:problem:unauthorized' });
      }
    }
    expect((await ask(`/v1/model?access_token=${TOKEN}`)).status).toBe(401);
    expect((await postPicture(service.url, face, { query: aligned })).status).toBe(401);
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await postPicture(service.url, face, { query: aligned, headers })).status).toBe(200);
    expect(await metric(service.url, 'uafer_errors_total{kind="unauthorized"}', headers)).toBeGreaterThanOrEqual(9);
    const { paths, components } = await (await ask('/openapi.json')).json();
    expect(paths['/v1/predict'].post.security).toEqual([{ bearer: [] }]);
    expect(components.securitySchemes.bearer).toEqual({ type: 'http', scheme: 'bearer' });
  });

  it('what a whole upload would take is not waited for before a wrong one is refused', async () => {
    await using service = await testService({ tokens: [TOKEN], limits: { bytes: 10_000_000 } });
    const response = await postPicture(service.url, Buffer.alloc(9_000_000), { headers: { authorization: 'Bearer wrong' } });
    expect(response.status).toBe(401);
  });
});

describe('from pages of others', () => {
  const preflight = (url: string, origin: string) =>
    fetch(`${url}/v1/predict`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });

  it('nothing can be read when it is not allowed', async () => {
    await using service = await testService();
    expect((await preflight(service.url, 'https://a.example')).status).toBe(405);
    const response = await postPicture(service.url, face, { query: aligned, headers: { origin: 'https://a.example' } });
    expect(response.headers.get('access-control-allow-origin')).toBe(null);
  });

  it('answers can be read by the origins that are named, and asking for leave needs no token', async () => {
    await using service = await testService({ cors: ['https://a.example', 'https://b.example'], tokens: [TOKEN] });
    const allowed = await preflight(service.url, 'https://b.example');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://b.example');
    expect(allowed.headers.get('access-control-allow-headers')).toContain('authorization');
    expect((await preflight(service.url, 'https://c.example')).headers.get('access-control-allow-origin')).toBe(null);
    const headers = { origin: 'https://a.example', authorization: `Bearer ${TOKEN}` };
    const response = await postPicture(service.url, face, { query: aligned, headers });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe('https://a.example');
  });
});

describe('over TLS', () => {
  it('it answers by the certificate that is given', async () => {
    await using service = await testService({ tls });
    expect(service.url).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      const asked = request(`${service.url}/readyz`, { ca: readFileSync(tls.certificate) }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      asked.on('error', reject).end();
    });
    expect(status).toBe(200);
  });

  it.each([
    [
      'a key of another certificate',
      { ...tls, key: fixture('another-key.pem') },
      /are not a certificate and its key in PEM \(.*mismatch/i,
    ],
    [
      'a file that is none',
      { ...tls, certificate: fileURLToPath(import.meta.url) },
      /are not a certificate and its key in PEM/,
    ],
    ['a file that is missing', { ...tls, key: '/nothing/here.pem' }, /^\/nothing\/here\.pem cannot be read: it does not exist/],
  ])('it does not start with %s', async (_, files, said) => {
    await expect(testService({ tls: files })).rejects.toMatchObject({ code: 'USAGE', message: expect.stringMatching(said) });
  });
});

describe('a page beside it', () => {
  function pageFolder(path: string): string {
    const folder = join(path, 'page');
    mkdirSync(join(folder, 'assets'), { recursive: true });
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>A page</title>');
    writeFileSync(join(folder, 'assets/run.wasm'), Buffer.from([0, 0x61, 0x73, 0x6d]));
    writeFileSync(join(folder, '.secret'), 'secret');
    writeFileSync(join(path, 'outside.txt'), 'outside');
    return folder;
  }

  it('is served with the headers that isolate it and let WebAssembly run', async () => {
    using folder = temporaryFolder();
    await using service = await testService({ web: pageFolder(folder.path), tokens: [TOKEN] });
    const page = await fetch(`${service.url}/`);
    expect(await page.text()).toContain('A page');
    expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/);
    const binary = await fetch(`${service.url}/assets/run.wasm`);
    expect(binary.headers.get('content-type')).toBe('application/wasm');
    expect(binary.headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect((await fetch(`${service.url}/readyz`)).headers.get('content-security-policy')).toBe(null);
  });

  it('shows nothing that lies elsewhere or is hidden', async () => {
    using folder = temporaryFolder();
    await using service = await testService({ web: pageFolder(folder.path) });
    for (const path of [
      '/.secret',
      '/assets/',
      '/../outside.txt',
      '/%2e%2e/outside.txt',
      '/..%2foutside.txt',
      '/nothing',
      '/%00',
    ]) {
      // As it is written: clients of a higher kind put paths in order.
      const out = await converse(service.url, (socket) =>
        socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
      );
      expect(out, path).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(out, path).toContain('application/problem+json');
      expect(out.split('\r\n\r\n')[1], path).not.toMatch(/^(secret|outside)/);
    }
  });

  it('is asked for in vain where there is none', async () => {
    using folder = temporaryFolder();
    await expect(testService({ web: folder.path })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(/has no index\.html: name a folder that holds a built page/),
    });
  });
});
