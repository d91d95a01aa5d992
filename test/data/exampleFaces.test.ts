import { describe, expect, it } from 'vitest';
import { decodePicture } from '#uafer/codec/decode.js';
import { loadDataset } from '#uafer/data/datasets.js';

describe('the example faces', () => {
  const dataPath = new URL('../../examples/faces', import.meta.url).pathname;
  const { classes, train, test } = loadDataset({ name: 'rafdb', dataPath });
  const people = (samples: typeof train) => new Set(samples.map(({ file }) => file.replace(/_\d+\.\w+$/, '')));

  it('have every expression in both parts, and nobody in both', () => {
    for (const samples of [train, test]) expect(new Set(samples.map(({ label }) => label)).size).toBe(classes.length);
    expect([...people(train)].filter((person) => people(test).has(person))).toEqual([]);
    expect([train.length, test.length]).toEqual([165, 55]);
  });

  it('are pictures of 224 x 224', async () => {
    for (const { path } of test) expect(await decodePicture(path)).toMatchObject({ width: 224, height: 224 });
  });
});
