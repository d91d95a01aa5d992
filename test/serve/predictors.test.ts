/** Processes that predict may end, and the service goes on. */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { uafer } from '../cli/run.js';
import { exampleFace, examplePhoto, metric, postPicture, testService } from '../support/service.js';

/** The processes that predict for a service of this process. */
const predicting = () =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, ...args]) => Number(parent) === process.pid && args.join(' ').includes('predictProcess.js'))
    .map(([pid]) => Number(pid));

const aligned = '?aligned=true';
const face = exampleFace('happy_1');

it('one that is killed is replaced, what it had is told as a fault, and all else is answered', async () => {
  await using service = await testService({ batching: { most: 1 } });
  const [pid] = predicting();
  const asked = Array.from({ length: 12 }, () => postPicture(service.url, examplePhoto('four')));
  await expect.poll(() => metric(service.url, 'uafer_queue_pictures')).toBeGreaterThan(8);
  process.kill(pid as number, 'SIGKILL');
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  expect(statuses).toContain(500);
  expect((await fetch(`${service.url}/healthz`)).status).toBe(503);
  await expect.poll(async () => (await fetch(`${service.url}/healthz`)).status, { timeout: 20_000 }).toBe(200);
  expect((await postPicture(service.url, face, { query: aligned })).status).toBe(200);
  expect(predicting()).not.toContain(pid);
  expect(await metric(service.url, 'uafer_process_ends_total')).toBe(1);
  expect(await metric(service.url, 'uafer_queue_pictures')).toBe(0);
});

it('several of them answer as one does, and all end with the service', async () => {
  {
    await using service = await testService({ batching: { workers: 2, most: 1 } });
    expect(predicting()).toHaveLength(2);
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => (await postPicture(service.url, face, { query: aligned })).json()),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  }
  expect(predicting()).toEqual([]);
});

it('one that cannot load the model says why, and does not begin again', async () => {
  await expect(testService({ predictor: { model: 'nowhere' } })).rejects.toMatchObject({ code: 'DATA' });
  expect(predicting()).toEqual([]);
  const { code, stderr } = await uafer(['serve', 'nowhere', '--workers', '2']);
  expect({ code, lines: stderr.trim().split('\n').length }).toEqual({ code: 1, lines: 1 });
});
