/** The predictor's core on a network and a detector that are told by their pictures what to answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { UaferError } from '#uafer/errors.js';
import type { Face } from '#uafer/faces/types.js';
import type { Network } from '#uafer/onnx/network.js';
import { createPredictorFrom, type ManyPrediction, type PredictorParts } from '#uafer/predict/predictor.js';
import { testModel } from '../support/testModel.js';

const SIDE = 8;

/** A picture's brightness says its first probability in percent, and its faces. */
interface Scene {
  percent: number;
  faces: number;
  /** Milliseconds until it is decoded. */
  after?: number;
  broken?: boolean;
}

function face(i: number): Face {
  const at = (x: number, y: number) => ({ x, y });
  const landmarks = { leftEye: at(2, 3), rightEye: at(6, 3), nose: at(4, 5), mouthLeft: at(3, 7), mouthRight: at(5, 7) };
  return { box: { left: i, top: 0, width: SIDE - i, height: SIDE }, landmarks, score: 0.9 - i / 10 };
}

function parts(changed: Partial<PredictorParts<Scene>> = {}) {
  const batches: number[] = [];
  const closed: string[] = [];
  let running = 0;
  const network: Network = {
    outputs: ['logits', 'probabilities', 'affinities', 'feature'],
    async run(values, [count]) {
      expect(running++, 'one run of the network at a time').toBe(0);
      batches.push(count as number);
      await sleep(1);
      running--;
      const size = values.length / (count as number);
      const shares = Float32Array.from({ length: 2 * (count as number) }, (_, i) => {
        const first = (values[Math.floor(i / 2) * size + size / 2] as number) / 100;
        return i % 2 === 0 ? first : 1 - first;
      });
      const logits = shares.map((share) => Math.log(Math.max(share, 1e-9)));
      return (name) => ({ data: name === 'logits' ? logits : shares, shape: [count as number, 2] });
    },
    close: async () => void closed.push('network'),
  };
  const scenes = new WeakMap<Uint8Array, Scene>();
  const all: PredictorParts<Scene> = {
    model: testModel(),
    network,
    detector: async () => ({
      name: 'blazeface',
      detect: async ({ data }) => Array.from({ length: scenes.get(data)?.faces ?? 0 }, (_, i) => face(i)),
      close: async () => void closed.push('detector'),
    }),
    decode: async (scene) => {
      if (scene.after) await sleep(scene.after);
      if (scene.broken) throw new UaferError('IMAGE', 'it is broken');
      const data = new Uint8Array(3 * SIDE * SIDE).fill(scene.percent);
      scenes.set(data, scene);
      return { data, width: SIDE, height: SIDE };
    },
    backend: 'a test',
    ...changed,
  };
  return { all, batches, closed };
}

async function collected(answers: AsyncIterable<ManyPrediction>): Promise<(number[] | string)[]> {
  const found: (number[] | string)[] = [];
  for await (const answer of answers) {
    expect(answer.index).toBe(found.length);
    found.push(
      'error' in answer
        ? answer.error.message
        : answer.prediction.faces.map(({ probabilities }) => Math.round(100 * (probabilities.happy as number))),
    );
  }
  return found;
}

describe('one picture', () => {
  it('gives every face, or the one that is asked for, or none', async () => {
    const predictor = createPredictorFrom(parts().all);
    const { faces, width } = await predictor.predict({ percent: 80, faces: 2 });
    expect(width).toBe(SIDE);
    expect(faces.map(({ expression, score }) => [expression, score])).toEqual([
      ['happy', 0.9],
      ['happy', 0.8],
    ]);
    expect((await predictor.predict({ percent: 20, faces: 2 }, { faces: 'largest' })).faces).toMatchObject([
      { expression: 'sad', box: { left: 0 } },
    ]);
    expect((await predictor.predict({ percent: 20, faces: 0 })).faces).toEqual([]);
  });

  it('that is aligned is a face itself, whatever a detector would say', async () => {
    const predictor = createPredictorFrom(parts({ detector: () => Promise.reject(new Error('not needed')) }).all);
    const { faces } = await predictor.predict({ percent: 70, faces: 0 }, { aligned: true });
    expect(faces).toMatchObject([{ expression: 'happy', score: 1, box: { left: 0, top: 0, width: SIDE, height: SIDE } }]);
  });

  it('has a heat map when that is asked for', async () => {
    const predictor = createPredictorFrom(parts({ model: testModel({ patches: { rows: 1, columns: 1, topk: 1 } }) }).all);
    const [found] = (await predictor.predict({ percent: 60, faces: 1 }, { heatmap: true })).faces;
    expect(found?.heatmap).toEqual({
      rows: 1,
      columns: 1,
      topk: 1,
      classes: { happy: [expect.closeTo(0.6, 5)], sad: [expect.closeTo(0.4, 5)] },
    });
    expect((await predictor.predict({ percent: 60, faces: 1 })).faces[0]).not.toHaveProperty('heatmap');
  });

  it('with more faces than are allowed is an error, before the network has worked on it', async () => {
    const { all, batches } = parts();
    const predictor = createPredictorFrom(all);
    expect((await predictor.predict({ percent: 80, faces: 2 }, { mostFaces: 2 })).faces).toHaveLength(2);
    await expect(predictor.predict({ percent: 80, faces: 3 }, { mostFaces: 2 })).rejects.toMatchObject({
      code: 'LIMIT',
      message: 'The picture shows 3 faces, and 2 are the most.',
    });
    expect(batches).toEqual([2]);
    await expect(predictor.predict({ percent: 80, faces: 1 }, { mostFaces: 0 })).rejects.toThrow(/mostFaces: expected/);
  });

  it('may be asked for while another one is under way', async () => {
    const predictor = createPredictorFrom(parts().all);
    const both = await Promise.all([80, 30].map((percent) => predictor.predict({ percent, faces: 3, after: percent / 10 })));
    expect(both.map(({ faces }) => faces.map(({ expression }) => expression))).toEqual([
      ['happy', 'happy', 'happy'],
      ['sad', 'sad', 'sad'],
    ]);
  });
});

describe('many pictures', () => {
  it('come in the order of the inputs, whichever is ready first; broken ones with their error', async () => {
    const predictor = createPredictorFrom(parts().all);
    const scenes: Scene[] = [
      { percent: 10, faces: 1, after: 30 },
      { percent: 20, faces: 0 },
      { percent: 30, faces: 2, after: 5 },
      { percent: 0, faces: 0, broken: true },
      { percent: 50, faces: 1 },
    ];
    expect(await collected(predictor.predictMany(scenes))).toEqual([[10], [], [30, 30], 'it is broken', [50]]);
  });

  it('go through the network together, in batches that are bounded', async () => {
    const { all, batches } = parts();
    const predictor = createPredictorFrom(all);
    const scenes = Array.from({ length: 60 }, (_, i) => ({ percent: i, faces: 3 }));
    expect(await collected(predictor.predictMany(scenes))).toEqual(scenes.map(({ percent }) => [percent, percent, percent]));
    expect(Math.max(...batches)).toBeLessThanOrEqual(32);
    expect(batches.length).toBeLessThan(60);
  });

  it('are taken only as they are needed', async () => {
    const predictor = createPredictorFrom(parts().all);
    let taken = 0;
    const endless = async function* () {
      for (;;) yield { percent: taken++ % 100, faces: 1 };
    };
    const answers = predictor.predictMany(endless());
    for (let i = 0; i < 20; i++) await answers.next();
    expect(taken).toBeLessThan(20 + 40);
    await answers.return(undefined);
  });

  it('are answered while the next input is still waited for', async () => {
    const predictor = createPredictorFrom(parts().all);
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = async function* () {
      yield { percent: 10, faces: 1 };
      await gate;
      yield { percent: 20, faces: 1 };
    };
    const answers = predictor.predictMany(slow());
    expect((await answers.next()).value).toMatchObject({ index: 0 });
    release();
    expect(await collected({ [Symbol.asyncIterator]: () => shifted(answers) })).toEqual([[20]]);
  });

  it('end with what breaks for another reason than a picture', async () => {
    const broken = parts({ detector: () => Promise.reject(new UaferError('DATA', 'the detector is damaged')) }).all;
    await expect(collected(createPredictorFrom(broken).predictMany([{ percent: 1, faces: 1 }]))).rejects.toThrow(
      /detector is damaged/,
    );
  });
});

/** The rest of the answers, counted from 0 again. */
async function* shifted(answers: AsyncGenerator<ManyPrediction>): AsyncGenerator<ManyPrediction> {
  for await (const answer of answers) yield { ...answer, index: answer.index - 1 };
}

describe('a predictor that is closed', () => {
  it('finishes what is under way, frees its networks once, and says so afterwards', async () => {
    const { all, closed } = parts();
    const predictor = createPredictorFrom(all);
    const last = predictor.predict({ percent: 90, faces: 1, after: 20 });
    await Promise.all([predictor.close(), predictor.close()]);
    expect((await last).faces).toHaveLength(1);
    expect(closed).toEqual(['network', 'detector']);
    await expect(predictor.predict({ percent: 1, faces: 0 })).rejects.toMatchObject({ code: 'USAGE', message: /is closed/ });
    await expect(collected(predictor.predictMany([{ percent: 1, faces: 0 }]))).rejects.toMatchObject({ code: 'USAGE' });
  });
});

it('refuses a network of another model, and an option out of its range', async () => {
  const { all } = parts();
  expect(() => createPredictorFrom({ ...all, network: { ...all.network, outputs: ['box', 'score'] } })).toThrow(
    /not the one of its model\.json: it lacks the output logits, affinities and has box, score/,
  );
  const predictor = createPredictorFrom(all);
  await expect(predictor.predict({ percent: 1, faces: 0 }, { abstain: 2 })).rejects.toThrow(
    /abstain: expected an uncertainty from 0 to 1/,
  );
});

describe('pictures together', () => {
  it('go through the network at once, each with what is asked of it, and an error stands in its place', async () => {
    const { all, batches } = parts();
    const predictor = createPredictorFrom(all);
    const answers = await predictor.predictTogether([
      { input: { percent: 80, faces: 2, after: 5 } },
      { input: { percent: 20, faces: 1, broken: true } },
      { input: { percent: 30, faces: 3 }, faces: 'largest', abstain: 0 },
      { input: { percent: 30, faces: 3 }, mostFaces: 2 },
      { input: { percent: 60, faces: 0 }, aligned: true },
    ]);
    expect(
      answers.map((each) =>
        each instanceof UaferError ? each.code : each.faces.map(({ expression, decision }) => [expression, decision]),
      ),
    ).toEqual([
      [
        ['happy', null],
        ['happy', null],
      ],
      'IMAGE',
      [['sad', 'reject']],
      'LIMIT',
      [['happy', null]],
    ]);
    expect(batches).toEqual([4]);
  });

  it('fail together where a fault is not of one picture', async () => {
    const predictor = createPredictorFrom(parts({ detector: () => Promise.reject(new Error('no detector')) }).all);
    await expect(
      predictor.predictTogether([{ input: { percent: 1, faces: 0 } }, { input: { percent: 1, faces: 0 } }]),
    ).rejects.toThrow('no detector');
    await expect(predictor.predictTogether([{ input: { percent: 1, faces: 0 }, abstain: 2 }])).rejects.toThrow(/abstain/);
  });
});
