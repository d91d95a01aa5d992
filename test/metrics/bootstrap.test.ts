import { describe, expect, it } from 'vitest';
import { bootstrap, differences, drawSamples, interval } from '#uafer/metrics/bootstrap.js';
import { createRandom } from '#uafer/random.js';

const mean = (values: readonly number[]) => (drawn: Int32Array) => ({
  mean: drawn.reduce((sum, i) => sum + (values[i] as number), 0) / drawn.length,
});
const normals = (count: number, seed: number): number[] => {
  const random = createRandom({ seed, epoch: 0, stream: 9, position: 1 });
  return Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next()),
  );
};

describe('the interval of values', () => {
  it('lies between sorted values as NumPy interpolates them', () => {
    // Places 0.05 and 1.95 of 1, 2, 4.
    expect(interval([4, 1, 2], 0.95)[0]).toBeCloseTo(1.05, 12);
    expect(interval([4, 1, 2], 0.95)[1]).toBeCloseTo(3.9, 12);
    expect(interval([7], 0.95)).toEqual([7, 7]);
  });
});

describe('drawn pictures', () => {
  it('are as many as there are, the same for the same seed and resample, and others for another', () => {
    const drawn = drawSamples(50, 3, 0);
    expect(drawn).toHaveLength(50);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...drawn)).toBeLessThan(50);
    expect(drawSamples(50, 3, 0)).toEqual(drawn);
    expect(drawSamples(50, 3, 1)).not.toEqual(drawn);
    expect(drawSamples(50, 4, 0)).not.toEqual(drawn);
  });

  it('are each as likely', () => {
    const counts = new Array(10).fill(0);
    for (let resample = 0; resample < 2000; resample++) for (const i of drawSamples(10, 0, resample)) counts[i]++;
    // 2,000 expected, deviation 42.
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });
});

describe('an interval by bootstrap', () => {
  it('holds the true mean in about the stated share of repetitions', () => {
    let held = 0;
    for (let repetition = 0; repetition < 300; repetition++) {
      const options = { samples: 60, resamples: 200, seed: repetition, level: 0.9 };
      const [low, high] = bootstrap(mean(normals(60, repetition)), options).mean as [number, number];
      if (low <= 0 && 0 <= high) held++;
    }
    // 270 of 300 expected, deviation 5; percentile intervals of 60 pictures are a little narrow.
    expect(held).toBeGreaterThan(250);
    expect(held).toBeLessThan(290);
  });

  it('is the same to the last bit for the same seed', () => {
    const figures = mean(normals(30, 1));
    const options = { samples: 30, resamples: 50, seed: 9 };
    expect(bootstrap(figures, options)).toEqual(bootstrap(figures, options));
  });

  it('tells how many resamples are done', () => {
    const done: number[] = [];
    bootstrap(mean([1, 2]), { samples: 2, resamples: 3, seed: 0, onResample: (count) => done.push(count) });
    expect(done).toEqual([1, 2, 3]);
  });

  it('leaves out resamples that define no figure, and says nothing where they are most', () => {
    let call = 0;
    const figures = () => {
      call++;
      return { often: call % 4 === 0 ? null : 1, seldom: call % 4 === 0 ? 1 : null, constant: 2 };
    };
    expect(bootstrap(figures, { samples: 3, resamples: 40, seed: 0 })).toEqual({
      often: [1, 1],
      seldom: null,
      constant: [2, 2],
    });
  });

  it('of a difference is paired: what two models have in common does not widen it', () => {
    const common = normals(200, 1);
    const better = common.map((value, i) => value + 0.1 + 0.01 * (normals(200, 2)[i] as number));
    const options = { samples: 200, resamples: 200, seed: 0 };
    const [low, high] = bootstrap(differences(mean(common), mean(better)), options).mean as [number, number];
    expect(low).toBeGreaterThan(0.095);
    expect(high).toBeLessThan(0.105);
    const [alone, above] = bootstrap(mean(common), options).mean as [number, number];
    expect(above - alone).toBeGreaterThan(0.2);
  });

  it('of a figure that one of two models lacks is none', () => {
    const lacking = () => ({ mean: null });
    const options = { samples: 3, resamples: 5, seed: 0 };
    expect(bootstrap(differences(lacking, mean([1, 2, 3])), options).mean).toBeNull();
  });

  it.each([0, -1, 2.5, Number.NaN])('of %d resamples is refused', (resamples) => {
    expect(() => bootstrap(mean([1]), { samples: 1, resamples, seed: 0 })).toThrow(/whole number of at least 1/);
  });
});
