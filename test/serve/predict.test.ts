/** What the service answers to those who ask well, with the default model on real pictures. */
import { readdirSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packagePath } from '#uafer/paths.js';
import { answerSchema, modelAnswerSchema, type ServeAnswer } from '#uafer/serve/schemas.js';
import type { RunningService } from '#uafer/serve/serve.js';
import { uafer } from '../cli/run.js';
import { exampleFace, examplePhoto, metric, postPicture, testService } from '../support/service.js';

let service: RunningService & AsyncDisposable;
beforeAll(async () => {
  service = await testService();
});
afterAll(() => service[Symbol.asyncDispose]());

const NAMES = ['astronaut', 'five', 'four', 'three'];

/** What the command line says of the example photos, by the files' names. */
async function predicted(args: string[]): Promise<unknown[]> {
  const folder = packagePath(...(args.includes('--aligned') ? ['assets', 'faces'] : ['examples', 'photos']));
  const { stdout } = await uafer(['predict', folder, '--json', '--quiet', '--threads', '1', ...args]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map(({ file, ...rest }) => ({ file: file.split('/').at(-1), ...rest }));
}

function form(files: Record<string, Buffer>, fields: Record<string, string> = {}): FormData {
  const made = new FormData();
  for (const [name, bytes] of Object.entries(files)) made.append('picture', new Blob([bytes]), name);
  for (const [name, value] of Object.entries(fields)) made.append(name, value);
  return made;
}

const photos = () => Object.fromEntries(NAMES.map((name) => [`${name}.jpg`, examplePhoto(name)]));
const postForm = (body: FormData, query = '') => fetch(`${service.url}/v1/predict${query}`, { method: 'POST', body });
const postJson = (body: unknown, query = '') =>
  fetch(`${service.url}/v1/predict${query}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json; charset=utf-8' },
  });
async function answered(response: Response): Promise<ServeAnswer['pictures']> {
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return answerSchema.parse(JSON.parse(text)).pictures;
}

describe('an answer', () => {
  it('is what `uafer predict --json` says, of several pictures at once', async () => {
    expect(await answered(await postForm(form(photos())))).toEqual(await predicted([]));
  });

  it('is the same in all three forms, and alone as beside others', async () => {
    const bytes = examplePhoto('three');
    const [, , , expected] = await predicted([]);
    const [raw] = await answered(await postPicture(service.url, bytes));
    const [octets] = await answered(await postPicture(service.url, bytes, { type: 'application/octet-stream' }));
    const data = bytes.toString('base64');
    const [coded] = await answered(await postJson({ pictures: [{ file: 'three.jpg', data }] }));
    expect(raw).toEqual({ ...(expected as object), file: 'picture 1' });
    expect(octets).toEqual(raw);
    expect(coded).toEqual(expected);
  });

  it('follows the options as the command line does, wherever they stand', async () => {
    const expected = await predicted(['--faces', 'largest', '--abstain', '0.05']);
    expect(await answered(await postForm(form(photos()), '?faces=largest&abstain=0.05'))).toEqual(expected);
    expect(await answered(await postForm(form(photos(), { faces: 'largest', abstain: '0.05' })))).toEqual(expected);
    const pictures = NAMES.map((name) => ({ file: `${name}.jpg`, data: examplePhoto(name).toString('base64') }));
    expect(await answered(await postJson({ pictures, faces: 'largest' }, '?abstain=0.05'))).toEqual(expected);
  });

  it('follows options beside the pictures over those of the query', async () => {
    const asked = postForm(form({ 'five.jpg': examplePhoto('five') }, { faces: 'largest' }), '?faces=all&abstain=0');
    const [picture] = await answered(await asked);
    expect(picture).toMatchObject({ faces: [{ decision: 'reject' }] });
  });

  it('takes faces that are aligned already', async () => {
    const files = readdirSync(packagePath('assets', 'faces')).sort();
    const faces = Object.fromEntries(files.map((name) => [name, exampleFace(name.replace('.jpg', ''))]));
    expect(await answered(await postForm(form(faces), '?aligned=true'))).toEqual(await predicted(['--aligned']));
  });

  it('has heat maps when they are asked for', async () => {
    const [picture] = await answered(
      await postPicture(service.url, exampleFace('happy_1'), { query: '?aligned=true&heatmap=true' }),
    );
    const [face] = picture && 'faces' in picture ? picture.faces : [];
    const { rows, columns, classes } = face?.heatmap ?? { rows: 0, columns: 0, classes: {} };
    expect(rows * columns).toBeGreaterThan(1);
    expect(classes[face?.expression as string]).toHaveLength(rows * columns);
  });

  it.each(['png', 'webp', 'gif', 'tiff', 'avif'] as const)('reads %s too', async (format) => {
    const bytes = await sharp(examplePhoto('astronaut')).resize(500).toFormat(format).toBuffer();
    const [picture] = await answered(await postPicture(service.url, bytes, { type: `image/${format}` }));
    expect(picture).toMatchObject({ width: 500, faces: [{ expression: 'happy' }] });
  });

  it('is the same for many who ask at once, whose pictures are predicted together', async () => {
    const expected = await predicted([]);
    const before = await batches();
    const all = await Promise.all(
      Array.from({ length: 24 }, async (_, i) => {
        const [picture] = await answered(await postPicture(service.url, examplePhoto(NAMES[i % 4] as string)));
        return [picture, { ...(expected[i % 4] as object), file: 'picture 1' }];
      }),
    );
    for (const [picture, wanted] of all) expect(picture).toEqual(wanted);
    const after = await batches();
    expect(after.pictures - before.pictures).toBe(24);
    expect(after.count - before.count).toBeLessThan(16);
  });

  it('of a picture without a face is that there is none', async () => {
    const grey = await sharp({ create: { width: 300, height: 200, channels: 3, background: 'grey' } })
      .jpeg()
      .toBuffer();
    expect(await answered(await postPicture(service.url, grey))).toEqual([
      { file: 'picture 1', width: 300, height: 200, faces: [] },
    ]);
  });

  it('says of one of several pictures that it cannot be read, and of the others what they show', async () => {
    const [good, bad] = await answered(
      await postForm(form({ 'a.jpg': examplePhoto('three'), 'b.jpg': Buffer.from('no picture') })),
    );
    expect(good).toMatchObject({ file: 'a.jpg', width: 1920 });
    expect(bad).toEqual({
      file: 'b.jpg',
      error: expect.stringMatching(/^The picture cannot be read: it is of none of the kinds JPEG/),
    });
  });

  async function batches() {
    const [pictures, count] = await Promise.all(
      ['sum', 'count'].map((name) => metric(service.url, `uafer_batch_pictures_${name}`)),
    );
    return { pictures: pictures as number, count: count as number };
  }
});

describe('beside it', () => {
  it('the service says what answers, and within which limits', async () => {
    const about = modelAnswerSchema.strict().parse(await (await fetch(`${service.url}/v1/model`)).json());
    expect(about).toMatchObject({ name: service.model, classes: expect.arrayContaining(['happy']), limits: { pictures: 16 } });
    expect(JSON.stringify(about)).not.toContain(packagePath());
  });

  it('the service says that it lives and is ready, to HEAD too', async () => {
    for (const [path, status] of [
      ['/healthz', 'ok'],
      ['/readyz', 'ready'],
    ])
      expect(await (await fetch(service.url + path)).json()).toEqual({ status });
    expect((await fetch(`${service.url}/readyz`, { method: 'HEAD' })).status).toBe(200);
  });

  it('every answer has an id, which a proxy may give', async () => {
    const id = async (headers: Record<string, string> = {}) =>
      (await fetch(`${service.url}/readyz`, { headers })).headers.get('x-request-id');
    expect(await id()).toMatch(/^[0-9a-f-]{36}$/);
    expect(await id({ 'x-request-id': 'proxy-1.2_3' })).toBe('proxy-1.2_3');
    for (const given of ['a b', '"><script>', 'x'.repeat(65)])
      expect(await id({ 'x-request-id': given })).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('metrics count requests, stages, batches, decisions and errors, by names of ours alone', async () => {
    await postPicture(service.url, examplePhoto('three'), { query: '?abstain=0' });
    await fetch(`${service.url}/hostile-path`, { method: 'PROPFIND' });
    await postPicture(service.url, examplePhoto('three'), { query: '?hostile=1', headers: { 'x-request-id': 'hostile-id' } });
    const response = await fetch(`${service.url}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    expect(text).not.toContain('hostile');
    for (const [name, least] of [
      ['uafer_request_seconds_count{route="/v1/predict",method="POST",status="200"}', 1],
      ['uafer_request_seconds_count{route="other",method="other",status="404"}', 1],
      ['uafer_stage_seconds_count{stage="predict"}', 1],
      ['uafer_batch_faces_sum', 3],
      ['uafer_faces_total{decision="reject"}', 3],
      ['uafer_pictures_total{outcome="predicted"}', 1],
      ['uafer_errors_total{kind="options"}', 1],
      ['uafer_errors_total{kind="not-found"}', 1],
      ['uafer_queue_limit', 256],
      ['process_resident_memory_bytes', 1],
    ] as const)
      expect(await metric(service.url, name), name).toBeGreaterThanOrEqual(least);
    expect(await metric(service.url, 'uafer_queue_pictures')).toBe(0);
  });
});
