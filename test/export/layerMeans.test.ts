/** What networks make on the way to their answers: libtorch's beside what its blocks make, and beside the exported network's. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { VisionArchitecture } from '#uafer/clip/architecture.js';
import type { Classifier } from '#uafer/clip/classifier.js';
import { initializeClip } from '#uafer/clip/initialize.js';
import { createFeatureTap, earlyLayers, featureLayers } from '#uafer/clip/taps.js';
import { clipOf } from '#uafer/clip/towers.js';
import { embed, encodeImage, finalNorm, throughBlocks } from '#uafer/clip/vision.js';
import { noGrad, ops, scope, type Tensor, tensor } from '#uafer/engine/index.js';
import { classifierGraph } from '#uafer/export/classifierGraph.js';
import { plainClassifier } from '#uafer/export/plainClassifier.js';
import { normalize, type Preprocessing } from '#uafer/image/preprocess.js';
import { loadNetwork } from '#uafer/onnx/network.js';
import { layerOutput } from '#uafer/predict/modelFile.js';
import { loadOnnxRuntime } from '#uafer/runtime/onnxRuntime.js';
import { expectClose } from '../support/numbers.js';
import { temporaryFolder, testPixels } from '../support/pictures.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const SIDE = 32;
const PICTURES = 3;
const preprocessing: Preprocessing = {
  ...{ imageSize: SIDE, resize: 'shorter-bicubic', colour: 'rgb' },
  ...{ mean: [0.5, 0.4, 0.3], deviation: [0.2, 0.3, 0.25] },
};
const towers: [string, VisionArchitecture][] = [
  ['patches alone', { width: 64, layers: 2, heads: 1, patchSize: 8, imageSize: SIDE }],
  ['a stem', { width: 64, layers: 2, heads: 1, patchSize: 4, imageSize: SIDE, stem: { kind: 'plain', channels: [8, 12, 16] } }],
  [
    'a separable stem',
    { width: 64, layers: 2, heads: 1, patchSize: 4, imageSize: SIDE, stem: { kind: 'separable', channels: [8, 12, 16] } },
  ],
  [
    'a residual stem',
    {
      width: 64,
      layers: 2,
      heads: 1,
      patchSize: 4,
      imageSize: SIDE,
      stem: { kind: 'residual', channels: [8, 12, 12, 16, 16] },
    },
  ],
];

const pixels = Array.from({ length: PICTURES }, (_, i) => testPixels(SIDE, SIDE, i));
const images = () => {
  const values = new Float32Array(PICTURES * 3 * SIDE ** 2);
  for (const [i, each] of pixels.entries())
    normalize(each, preprocessing, values.subarray(i * 3 * SIDE ** 2, (i + 1) * 3 * SIDE ** 2));
  return tensor(values, [PICTURES, 3, SIDE, SIDE]);
};
const numbers = (x: Tensor) => [...(ops.contiguous(x).data() as Float32Array)];

function made(architecture: VisionArchitecture) {
  const shapes = { vision: architecture, embedDim: 16 };
  const text = { width: 64, layers: 1, heads: 1, contextLength: 8, vocabularySize: 600 };
  return clipOf(shapes, initializeClip({ ...shapes, text }, 3));
}

describe.each(towers)('of a tower with %s', (_, architecture) => {
  const layers = featureLayers(architecture);
  const { vision } = made(architecture);
  const { tap, taken } = createFeatureTap(layers);
  noGrad(() => scope(() => void encodeImage(vision, images(), { tap })));

  it('there is one of each layer that is named, and early ones among them', () => {
    expect(Object.keys(taken)).toEqual(layers);
    expect(layers).toEqual(expect.arrayContaining(earlyLayers(architecture)));
    for (const [name, values] of Object.entries(taken)) {
      const place = Number(name.split('.')[1]) - 1;
      const width = name.startsWith('stem') ? architecture.stem?.channels[place] : architecture.width;
      expect(values).toHaveLength(PICTURES * (width as number));
    }
  });

  it('a block has the means of its patches, and the pooled token is that after the last normalisation', () => {
    noGrad(() =>
      scope(() => {
        const tokens = embed(vision, images());
        const first = throughBlocks(vision, tokens, { to: 1 });
        expectClose([...(taken['block.1'] as Float32Array)], numbers(ops.mean(ops.slice(first, 1, 1, null), 1)), {
          absolute: 1e-6,
        });
        const normed = finalNorm(vision, throughBlocks(vision, tokens));
        expectClose([...(taken.pooled as Float32Array)], numbers(ops.select(normed, 1, 0)), { absolute: 1e-6 });
      }),
    );
  });

  it('an exported network gives the same, for a picture alone to the last bit as among others', async () => {
    const text = noGrad(() => scope(() => ops.randn([2, 16])));
    const classifier: Classifier = {
      ...{ architecture, embedDim: 16, weights: vision.weights, text, answer: 'softmax' },
      scores: { alpha: 0, topk: 4, branch: 'both', normalizeScores: false, patchProjection: false, scale: 1 },
    };
    const options = { preprocessing, precision: { kind: 'fp32' }, wanted: layers } as const;
    const file = join(folder.path, `${layers.length}${architecture.stem?.kind}.onnx`);
    writeFileSync(
      file,
      Buffer.concat(classifierGraph(plainClassifier(classifier), options).graph.file({ dataFile: 'none' }).model),
    );
    const { runtime } = await loadOnnxRuntime();
    const network = await loadNetwork(runtime, file, { name: file, threads: 1 });
    const together = await network.run(Uint8Array.from(pixels.flatMap((each) => [...each])), [PICTURES, SIDE, SIDE, 3]);
    const means = layers.map((layer) => together(layerOutput(layer)).data.slice());
    // Single precision, values of about 1.
    for (const [i, layer] of layers.entries())
      expectClose([...(means[i] as Float32Array)], [...(taken[layer] as Float32Array)], { absolute: 1e-5, relative: 1e-5 });
    const alone = await network.run(pixels[1] as Uint8Array, [1, SIDE, SIDE, 3]);
    for (const [i, layer] of layers.entries()) {
      const { data } = alone(layerOutput(layer));
      expect([...data]).toEqual([...(means[i] as Float32Array).subarray(data.length, 2 * data.length)]);
    }
    await network.close();
  });
});
