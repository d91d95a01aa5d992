/** What the service answers to requests that are broken, too much, or meant to harm: a reason each time, and it goes on. */
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PROBLEM_TYPE, type ProblemKind, problemSchema, problemStatus } from '#uafer/serve/problems.js';
import type { RunningService } from '#uafer/serve/serve.js';
import { converse, exampleFace, examplePhoto, metric, postPicture, testService } from '../support/service.js';

let service: RunningService & AsyncDisposable;
beforeAll(async () => {
  service = await testService({ limits: { uploadSeconds: 1, bytes: 2_000_000, pictures: 3, faces: 4, queue: 8 } });
});
afterAll(() => service[Symbol.asyncDispose]());
/** Whatever was asked, the next one is answered and nothing is left in the queue. */
afterEach(async () => {
  expect((await postPicture(service.url, exampleFace('happy_1'), { query: '?aligned=true' })).status).toBe(200);
  expect(await metric(service.url, 'uafer_queue_pictures')).toBe(0);
  // Nothing that a client does is a fault of the service.
  expect(await metric(service.url, 'uafer_errors_total{kind="internal"}')).toBe(0);
  expect(await metric(service.url, 'uafer_process_ends_total')).toBe(0);
});

async function expectProblem(response: Response, kind: ProblemKind, detail: RegExp): Promise<void> {
  const text = await response.text();
  expect(response.status, text).toBe(problemStatus(kind));
  expect(response.headers.get('content-type')).toMatch(new RegExp(`^${PROBLEM_TYPE.replace('+', '\\+')}`));
  const problem = problemSchema.parse(JSON.parse(text));
  expect(problem).toMatchObject({ type: `urn:uafer:problem:${kind}`, status: response.status });
  expect(problem.request).toBe(response.headers.get('x-request-id'));
  expect(problem.detail).toMatch(detail);
}

const post = (body: BodyInit | null, type?: string, query = '') =>
  fetch(`${service.url}/v1/predict${query}`, {
    method: 'POST',
    body,
    ...(type !== undefined && { headers: { 'content-type': type } }),
  });
const face = () => exampleFace('happy_1');
const json = (value: unknown) => post(JSON.stringify(value), 'application/json');
const files = (count: number) => {
  const form = new FormData();
  for (let i = 0; i < count; i++) form.append('picture', new Blob([face()]), 'a.jpg');
  return form;
};

describe('a wrong request', () => {
  it.each<[string, () => Promise<Response>, ProblemKind, RegExp]>([
    ['without a body', () => post(null), 'malformed', /has no body/],
    ['with an empty body', () => post('', 'image/jpeg'), 'malformed', /body/],
    ['of another type', () => post('a', 'text/plain'), 'media-type', /Send image\/jpeg/],
    ['without a type', () => post(new Blob([face()])), 'media-type', /Send image\/jpeg/],
    ['with a type that only begins well', () => post('a', 'image/'), 'media-type', /Send image\/jpeg/],
    ['that is no JSON', () => post('{"pictures": [', 'application/json'), 'malformed', /not JSON/],
    ['that is no UTF-8', () => post(Buffer.from([0x22, 0xff, 0x22]), 'application/json'), 'malformed', /not JSON/],
    ['with other JSON', () => json([1, 2]), 'malformed', /expected object/],
    [
      'with JSON that holds a prototype',
      () => post('{"__proto__": {"pictures": []}}', 'application/json'),
      'malformed',
      /pictures/,
    ],
    ['without pictures', () => json({ pictures: [] }), 'malformed', /pictures: /],
    [
      'with base64 that is none',
      () => json({ pictures: [{ data: 'AAA*' }] }),
      'malformed',
      /pictures\.0\.data: expected base64/,
    ],
    ['with an address', () => json({ pictures: [{ url: 'http://127.0.0.1/' }] }), 'malformed', /url/],
    ['with an address as base64', () => json({ pictures: [{ data: 'http://127.0.0.1/a.jpg' }] }), 'malformed', /base64/],
    ['with too many pictures in JSON', () => json({ pictures: Array(4).fill({ data: 'AAAA' }) }), 'malformed', /pictures: .*3/],
    ['with too many files', () => post(files(4)), 'too-large', /more pictures than 3/],
    ['with a form without files', () => post(new URLSearchParams({ a: 'b' })), 'media-type', /Send/],
    [
      'with a form that is cut off',
      () =>
        post(
          '--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\nabc',
          'multipart/form-data; boundary=x',
        ),
      'malformed',
      /form cannot be read/,
    ],
    ['with a form without a boundary', () => post('abc', 'multipart/form-data'), 'malformed', /oundary/],
    ['with an option that there is not', () => post(face(), 'image/jpeg', '?alligned=true'), 'options', /"alligned"/],
    ['with an option twice', () => post(face(), 'image/jpeg', '?faces=all&faces=largest'), 'options', /faces/],
    ['with a wrong option', () => post(face(), 'image/jpeg', '?faces=best'), 'options', /faces: .*"largest"/],
    ['with a share beyond 1', () => post(face(), 'image/jpeg', '?abstain=1.5'), 'options', /abstain: /],
    ['with a share that is empty', () => post(face(), 'image/jpeg', '?abstain='), 'options', /abstain: .*number/],
    ['with a switch that is neither', () => post(face(), 'image/jpeg', '?aligned=maybe'), 'options', /aligned: .*boolean/],
  ])('%s', async (_, ask, kind, detail) => {
    await expectProblem(await ask(), kind, detail);
  });

  it('with an option twice in a form', async () => {
    const form = files(1);
    for (const value of ['all', 'largest']) form.append('faces', value);
    await expectProblem(await post(form), 'options', /faces is given more than once/);
  });

  it('with a field whose value has no end', async () => {
    const form = files(1);
    form.append('faces', 'x'.repeat(5000));
    await expectProblem(await post(form), 'options', /faces: its value has more than 100 bytes/);
  });

  it('to a path that there is not, or by a method that it does not take', async () => {
    await expectProblem(await fetch(`${service.url}/v2/predict`, { method: 'POST' }), 'not-found', /openapi/);
    await expectProblem(await fetch(`${service.url}/../../etc/passwd`), 'not-found', /openapi/);
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'QUERY']) {
      const response = await fetch(`${service.url}/v1/predict`, { method });
      expect(response.headers.get('allow')).toBe('POST');
      await expectProblem(response, 'method', /takes POST/);
    }
  });
});

describe('a picture', () => {
  it.each<[string, () => Buffer | Promise<Buffer>, RegExp]>([
    ['that is text', () => Buffer.from('no picture'), /of none of the kinds JPEG/],
    [
      'that is a program',
      () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1/"/></svg>'),
      /of none of the kinds/,
    ],
    ['that is cut off', () => examplePhoto('three').subarray(0, 100_000), /cannot be read as a picture/],
    ['that is only a head', () => face().subarray(0, 12), /cannot be read as a picture/],
    ['whose data are spoilt', () => spoilt(examplePhoto('three')), /cannot be read as a picture/],
  ])('%s', async (_, make, detail) => {
    await expectProblem(await post(await make(), 'image/jpeg'), 'picture', detail);
  });

  it('that unpacks to a thousand times its size, whatever the format', async () => {
    const bomb = bombPng(30_000, 30_000);
    expect(bomb.length).toBeLessThan(200_000);
    const before = process.memoryUsage().rss;
    await expectProblem(await post(bomb, 'image/png'), 'limit', /50000000 are the most|more pixels than 50000000/);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
    const white = { width: 9000, height: 9000, channels: 3, background: 'white' } as const;
    for (const format of ['webp', 'tiff'] as const) {
      const large = await sharp({ create: white }).toFormat(format, { compression: 'deflate' }).toBuffer();
      await expectProblem(await post(large, `image/${format}`), 'limit', /50000000/);
    }
    const gif = Buffer.from('GIF89a\xff\xff\xff\xff\x00\x00\x00;', 'latin1');
    await expectProblem(await post(gif, 'image/gif'), 'picture', /cannot be read|50000000/);
  });

  it('with more faces than are allowed, which with less is answered', async () => {
    await expectProblem(await post(examplePhoto('five'), 'image/jpeg'), 'limit', /shows 5 faces, and 4 are the most/);
    expect((await post(examplePhoto('four'), 'image/jpeg')).status).toBe(200);
    expect((await post(examplePhoto('five'), 'image/jpeg', '?faces=largest')).status).toBe(200);
  });

  it('with more bytes than are allowed, in each of the forms', async () => {
    const large = Buffer.alloc(2_000_001, face());
    face().copy(large);
    await expectProblem(await post(large, 'image/jpeg'), 'too-large', /more than 2000000 bytes/);
    const form = new FormData();
    form.append('picture', new Blob([large]), 'a.jpg');
    await expectProblem(await post(form), 'too-large', /more than 2000000 bytes/);
    await expectProblem(await json({ pictures: [{ data: large.toString('base64') }] }), 'too-large', /more than 2000000 bytes/);
  });

  it('with so many bytes that they are not read to their end', async () => {
    const endless = await converse(service.url, (socket) => {
      socket.write('POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n');
      const piece = Buffer.alloc(65_536, 'a');
      const send = () => {
        while (
          !socket.destroyed &&
          socket.write(`${piece.length.toString(16)}\r\n`) &&
          socket.write(piece) &&
          socket.write('\r\n')
        );
      };
      socket.on('drain', send);
      send();
    });
    expect(endless).toMatch(/^HTTP\/1\.1 413 [\s\S]*more than 2000000 bytes/);
    const declared = await converse(service.url, (socket) =>
      socket.write(
        'POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n',
      ),
    );
    expect(declared).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe('a connection', () => {
  it('on which nothing follows is told so in time', async () => {
    const begin = performance.now();
    const said = await converse(service.url, (socket) =>
      socket.write('POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\nabc'),
    );
    expect(said).toMatch(/^HTTP\/1\.1 408 /);
    expect(said).toMatch(/did not arrive within 1 s/);
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  it('on which a form drips is told so in time', async () => {
    const said = await converse(service.url, (socket) => {
      socket.write(
        'POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n',
      );
      socket.write('--x\r\nContent-Disposition: form-data; name="picture"; filename="a.jpg"\r\n\r\n');
      const drip = setInterval(() => socket.write('a'), 50);
      socket.on('close', () => clearInterval(drip));
    });
    expect(said).toMatch(/^HTTP\/1\.1 408 [\s\S]*connection: close[\s\S]*urn:uafer:problem:upload-timeout/i);
  });

  it('that is closed for writing in the middle is told that the request is cut off', async () => {
    for (const type of ['image/jpeg', 'multipart/form-data; boundary=x', 'application/json']) {
      const said = await converse(service.url, (socket) =>
        socket.end(`POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: 1000\r\n\r\nabc`),
      );
      expect(said).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/problem\+json[\s\S]*cut off/);
    }
  });

  it('on which no HTTP is spoken, or heads without end, is told so', async () => {
    expect(await converse(service.url, (socket) => socket.write('\x16\x03\x01\x02\x00'))).toMatch(
      /^HTTP\/1\.1 400 .*[\s\S]*not a request of HTTP/,
    );
    expect(await converse(service.url, (socket) => socket.write(`GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`))).toMatch(
      /^HTTP\/1\.1 431 [\s\S]*urn:uafer:problem:headers/,
    );
  });

  it('that is given up counts as gone, and its place is free', async () => {
    const gone = () => metric(service.url, 'uafer_errors_total{kind="gone"}');
    const before = await gone();
    const controller = new AbortController();
    const asked = Array.from({ length: 6 }, () =>
      postPicture(service.url, examplePhoto('four'), { signal: controller.signal }),
    );
    setTimeout(() => controller.abort(), 20);
    const ended = await Promise.allSettled(asked);
    expect(ended.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
    await expect.poll(() => metric(service.url, 'uafer_queue_pictures')).toBe(0);
    expect(await gone()).toBeGreaterThan(before);
  });
});

describe('too many at once', () => {
  it('are told when to come again, and those that were accepted are answered', async () => {
    const responses = await Promise.all(Array.from({ length: 40 }, () => postPicture(service.url, examplePhoto('four'))));
    const busy = responses.filter(({ status }) => status === 503);
    expect(responses.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(8);
    expect(busy.length).toBeGreaterThan(0);
    expect(responses.length).toBe(busy.length + responses.filter(({ status }) => status === 200).length);
    for (const response of busy) {
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      await expectProblem(response, 'busy', /Ask again in \d+ s/);
    }
  });

  it('are told that it took too long, where it did', async () => {
    await using slow = await testService({ limits: { answerSeconds: 0.05, queue: 64 }, batching: { most: 1 } });
    const responses = await Promise.all(Array.from({ length: 30 }, () => postPicture(slow.url, examplePhoto('four'))));
    const late = responses.filter(({ status }) => status === 503);
    expect(late.length).toBeGreaterThan(0);
    await expectProblem(late[0] as Response, 'answer-timeout', /no answer within 0\.05 s/);
    await expect.poll(() => metric(slow.url, 'uafer_queue_pictures')).toBe(0);
  });
});

/** A JPEG with zeros in its middle. */
function spoilt(bytes: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, 2000), Buffer.alloc(bytes.length - 4000), bytes.subarray(-2000)]);
}

/** A real PNG of one bit a pixel, all of them white. */
function bombPng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head[8] = 1;
  const rows = deflateSync(Buffer.alloc((1 + Math.ceil(width / 8)) * height, 0), { level: 9 });
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
