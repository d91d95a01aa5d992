/**
 * `npm run bench serveSoak [-- --requests 10000 --clients 16]`: many requests to the service, one in ten broken, in twelve ways by turns. Every good one
 * must be answered as the predictor answers, every broken one with a status of 4xx and a reason (RFC 9457); memory is told as it goes, and at the end SIGTERM
 * comes while requests are under way: none that was accepted may be lost. Ends with exit code 1 when anything of it fails.
 */
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { crc32, deflateSync } from 'node:zlib';
import { createPredictor } from '../dist/node/index.js';
import { predictionLine } from '../dist/predict/predictionLine.js';
import { pictures, quantile, residentMemory, startServe } from './serveRequests.js';

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '10000' }, clients: { type: 'string', default: '16' } },
});
const total = Number(values.requests);
/** Has more faces than the service is told to take. */
const CROWD = 'five.jpg';
const TOKEN = 'a token that the soak alone knows'.replaceAll(' ', '-');
const authorization = `Bearer ${TOKEN}`;

/** @typedef {{ name: string, ask(): Promise<{ status: number, text: string }>, check(status: number, body: any): string | null }} Request */

const good = await goodRequests();
const { url, child, ended } = await startServe(
  ['--upload-timeout', '1', '--max-faces', '4', '--max-bytes', '4000000', '--threads', '1'],
  {
    UAFER_TOKENS: TOKEN,
  },
);
const broken = await brokenRequests();
/** @type {Map<string, number>} */
const counts = new Map();
/** @type {string[]} */
const faults = [];
/** @type {number[]} */
const latencies = [];
/** @type {number[]} */
const memory = [];
let begun = 0;
const begin = performance.now();
await Promise.all(Array.from({ length: Number(values.clients) }, client));
const seconds = (performance.now() - begin) / 1000;
await drain();

for (const [name, count] of [...counts].sort()) console.log(`${name.padEnd(44)}${count}`);
console.log(
  `${total} requests in ${seconds.toFixed(0)} s; good ones: p50 ${quantile(latencies, 0.5).toFixed(0)} ms, p99 ${quantile(latencies, 0.99).toFixed(0)} ms`,
);
const tenth = (/** @type {number} */ i) =>
  memory[Math.min(memory.length - 1, Math.floor((i * memory.length) / 10))]?.toFixed(0);
console.log(
  `resident memory (MiB) after 1, 2, ... tenths: ${Array.from({ length: 10 }, (_, i) => tenth(i + 1)).join(', ')}; most ${Math.max(...memory).toFixed(0)}`,
);
for (const fault of faults.slice(0, 20)) console.error(fault);
console.log(faults.length === 0 ? 'Everything was answered as it should be.' : `${faults.length} faults.`);
process.exit(faults.length === 0 ? 0 : 1);

async function client() {
  while (begun < total) {
    const i = begun++;
    const request = /** @type {Request} */ (i % 10 === 9 ? broken[Math.floor(i / 10) % broken.length] : good[i % good.length]);
    await one(request, i % 10 !== 9);
    if (i % 100 === 0) memory.push(residentMemory(/** @type {number} */ (child.pid)));
  }
}

/** @param {Request} request @param {boolean} timed */
async function one({ name, ask, check }, timed) {
  const start = performance.now();
  try {
    const { status, text } = await ask();
    if (timed) latencies.push(performance.now() - start);
    const fault = check(status, text === '' ? null : JSON.parse(text));
    if (fault) faults.push(`${name}: ${fault}`);
  } catch (error) {
    const { message, cause } = /** @type {Error} */ (error);
    faults.push(`${name}: ${message} ${cause ?? ''}`);
  }
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** SIGTERM while requests are under way. */
async function drain() {
  const asked = Array.from({ length: 24 }, (_, i) => one(/** @type {Request} */ (good[i % good.length]), false));
  const waiting = async () => {
    const text = await (await fetch(`${url}/metrics`, { headers: { authorization } })).text();
    return Number(/^uafer_queue_pictures (\d+)/m.exec(text)?.[1]);
  };
  for (let i = 0; i < 500 && (await waiting()) < 4; i++);
  child.kill('SIGTERM');
  await Promise.all(asked);
  const { code, signal } = /** @type {{ code: number | null, signal: string | null }} */ (await ended);
  if (code !== 0) faults.push(`the service ended with ${signal ?? code}`);
}

/** @param {BodyInit} body @param {string | undefined} type @param {{ query?: string, headers?: Record<string, string> }} rest */
async function post(body, type, { query = '', headers = {} } = {}) {
  const response = await fetch(`${url}/v1/predict${query}`, {
    method: 'POST',
    body,
    headers: { authorization, ...(type !== undefined && { 'content-type': type }), ...headers },
  });
  return { status: response.status, text: await response.text() };
}

/** Photos and faces in all forms, each with what the predictor says of it. */
async function goodRequests() {
  const predictor = await createPredictor({ threads: 1 });
  const requests = [];
  for (const what of /** @type {const} */ (['photos', 'faces'])) {
    const aligned = what === 'faces';
    const query = aligned ? '?aligned=true' : '';
    for (const { name, bytes } of pictures(what).filter((picture) => picture.name !== CROWD)) {
      const expected = (/** @type {string} */ file) => async () =>
        JSON.stringify([predictionLine(file, await predictor.predict(bytes, { aligned }))]);
      const raw = await expected('picture 1')();
      const named = await expected(name)();
      const form = () => {
        const made = new FormData();
        made.append('picture', new Blob([bytes]), name);
        return made;
      };
      const json = JSON.stringify({ pictures: [{ file: name, data: bytes.toString('base64') }] });
      const check = (/** @type {string} */ wanted) => (/** @type {number} */ status, /** @type {any} */ body) =>
        status === 200 && JSON.stringify(body.pictures) === wanted ? null : `${status} ${JSON.stringify(body).slice(0, 300)}`;
      requests.push(
        { name: `${what} as bytes`, ask: () => post(bytes, 'image/jpeg', { query }), check: check(raw) },
        { name: `${what} in a form`, ask: () => post(form(), undefined, { query }), check: check(named) },
        { name: `${what} in JSON`, ask: () => post(json, 'application/json', { query }), check: check(named) },
      );
    }
  }
  await predictor.close();
  return requests;
}

async function brokenRequests() {
  const photo = /** @type {Buffer} */ (pictures('photos').find(({ name }) => name === 'three.jpg')?.bytes);
  const [face] = pictures('faces');
  const bomb = bombPng(30_000, 30_000);
  const huge = Buffer.concat([photo, Buffer.alloc(8_000_000)]);
  const crowd = /** @type {Buffer} */ (pictures('photos').find(({ name }) => name === CROWD)?.bytes);
  /** @param {number} wanted @param {string} kind */
  const check = (wanted, kind) => (/** @type {number} */ status, /** @type {any} */ body) =>
    status === wanted && body?.type === `urn:uafer:problem:${kind}` && body.detail.length > 10
      ? null
      : `expected ${wanted} ${kind}, got ${status} ${JSON.stringify(body).slice(0, 300)}`;
  return [
    {
      name: 'broken: picture cut off',
      ask: () => post(photo.subarray(0, photo.length / 2), 'image/jpeg'),
      check: check(422, 'picture'),
    },
    { name: 'broken: connection cut off', ask: () => cutOff(photo), check: check(400, 'malformed') },
    { name: 'broken: no picture', ask: () => post('no picture', 'image/jpeg'), check: check(422, 'picture') },
    { name: 'broken: wrong type', ask: () => post('text', 'text/plain'), check: check(415, 'media-type') },
    { name: 'broken: huge', ask: () => post(huge, 'image/jpeg'), check: check(413, 'too-large') },
    { name: 'broken: decompression bomb', ask: () => post(bomb, 'image/png'), check: check(422, 'limit') },
    { name: 'broken: slow upload', ask: () => slow(photo), check: check(408, 'upload-timeout') },
    {
      name: 'broken: wrong token',
      ask: () => post(photo, 'image/jpeg', { headers: { authorization: 'Bearer wrong' } }),
      check: check(401, 'unauthorized'),
    },
    { name: 'broken: too many faces', ask: () => post(crowd, 'image/jpeg'), check: check(422, 'limit') },
    {
      name: 'broken: unknown option',
      ask: () => post(photo, 'image/jpeg', { query: '?facess=all' }),
      check: check(400, 'options'),
    },
    {
      name: 'broken: JSON',
      ask: () => post(JSON.stringify({ pictures: [{ data: 'http://127.0.0.1/' }] }), 'application/json'),
      check: check(400, 'malformed'),
    },
    {
      name: 'broken: form cut off',
      ask: () =>
        post(
          `--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n${face?.name}`,
          'multipart/form-data; boundary=x',
        ),
      check: check(400, 'malformed'),
    },
  ];
}

/** @param {Buffer} photo */
function head(photo) {
  const lines = [
    'POST /v1/predict HTTP/1.1',
    'Host: a',
    `Authorization: ${authorization}`,
    'Content-Type: image/jpeg',
    `Content-Length: ${photo.length}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Half of what is announced, then no more. @param {Buffer} photo */
function cutOff(photo) {
  return converse((socket) => {
    socket.write(head(photo));
    socket.end(photo.subarray(0, photo.length / 2));
  });
}

/** A byte now and then. @param {Buffer} photo */
function slow(photo) {
  return converse((socket) => {
    socket.write(head(photo));
    const drip = setInterval(() => socket.write('a'), 100);
    socket.on('close', () => clearInterval(drip));
  });
}

/** @param {(socket: import('node:net').Socket) => void} write @returns {Promise<{ status: number, text: string }>} */
function converse(write) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let said = '';
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true }, () => write(socket));
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      said += chunk;
    });
    socket.on('end', () => socket.destroy());
    socket.on('close', () =>
      resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(said)?.[1]), text: said.split('\r\n\r\n')[1] ?? '' }),
    );
    socket.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
  });
}

/** A real PNG of one bit a pixel. @param {number} width @param {number} height */
function bombPng(width, height) {
  const chunk = (/** @type {string} */ type, /** @type {Buffer} */ data) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc((1 + Math.ceil(width / 8)) * height), { level: 9 });
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
