import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClipArchitecture } from '#uafer/clip/architecture.js';
import { initializeClip } from '#uafer/clip/initialize.js';
import { readClip } from '#uafer/clip/readClip.js';
import { createTokenizer } from '#uafer/clip/tokenizer.js';
import { encodeImage } from '#uafer/clip/vision.js';
import { resolveConfig } from '#uafer/config/resolve.js';
import { backward, manualSeed, noGrad, ops, scope, type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import { readSafetensors, writeSafetensors } from '#uafer/engine/safetensors.js';
import { createOptimizer, optimizerStep, zeroGrad } from '#uafer/train/optimizer.js';
import { createUaFerTask } from '#uafer/uafer/uaferTask.js';
import { expectClose } from '../support/numbers.js';
import { missingModules, runPython } from '../support/python.js';

const absolute = 1e-4;
const STEPS = 3;
const BATCH = 2;
const CLASSES = ['surprise', 'fear', 'disgusted', 'happy', 'sad', 'anger', 'neutral'];

const vitB16: ClipArchitecture = {
  vision: { width: 768, layers: 12, heads: 12, patchSize: 16, imageSize: 224 },
  text: { width: 512, layers: 12, heads: 8, contextLength: 77, vocabularySize: 49_408 },
  embedDim: 512,
};

const missing = missingModules('torch', 'safetensors');
describe.skipIf(missing)(missing ?? 'CLIP ViT-B/16 in full size, against plain PyTorch', () => {
  const folder = mkdtempSync(join(tmpdir(), 'uafer-vitb16-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const at = (name: string) => join(folder, `${name}.safetensors`);
  const config = resolveConfig({
    recipe: 'released',
    options: { dataPath: '.', clipPath: at('clip'), device: 'cpu', 'optimizer.lr': 1e-4 },
  });
  let inputs: Record<'images' | 'labels' | 'ids', Tensor>;
  let expected: Record<'features' | 'logits' | 'losses' | 'proj', Tensor>;

  beforeAll(() => {
    scope(() => writeSafetensors(at('clip'), perturbed(initializeClip(vitB16, 16))));
    inputs = madeInputs();
    writeSafetensors(at('inputs'), inputs);
    const { model, optimizer } = config;
    const { fixLayer: fix_layer, layerDecay: layer_decay, weightDecay: weight_decay, lr } = optimizer;
    const settings = { alpha: model.alpha, topk: model.topk, fix_layer, layer_decay, weight_decay, lr };
    runPython({ file: 'uafer_steps.py' }, at('clip'), at('inputs'), at('outputs'), JSON.stringify(settings));
    expected = readSafetensors(at('outputs')).tensors as typeof expected;
  }, 600_000);

  it('gives the same features', () => {
    const { vision } = readClip(at('clip'), { requireText: true });
    const { cls, patches } = noGrad(() => encodeImage(vision, ops.select(inputs.images, 0, 0)));
    expectClose(toArray(ops.cat([ops.unsqueeze(cls, 1), patches], 1)), toArray(expected.features), { absolute });
  }, 120_000);

  it('gives the same scores and losses over training steps, and trains to the same weights', () => {
    const dataset = { name: 'rafdb', root: '.', classes: CLASSES, train: [], test: [] } as const;
    const plain = { ...config, model: { ...config.model, rawTextAtEvaluation: false } };
    const task = createUaFerTask(plain, dataset, readClip(at('clip')));
    const optimizer = createOptimizer(task.state, task.groups);
    for (let step = 0; step < STEPS; step++) {
      const batch = batchAt(inputs, step);
      const { logits } = noGrad(() => scope(() => task.predict(batch)));
      expectClose([...logits], toArray(ops.select(expected.logits, 0, step)), { absolute });
      scope(() => {
        zeroGrad(optimizer);
        const { loss, parts } = task.loss(batch, { epoch: 0, epochs: 1, step, steps: STEPS });
        backward(loss);
        const found = [parts.loss_cls, parts.loss_kd].map((part) => (part as Tensor).item());
        const wanted = toArray(ops.select(expected.losses, 0, step));
        expectClose(found, wanted, { absolute });
        expectClose([loss.item()], [wanted.reduce((sum, part) => sum + part)], { absolute });
      });
      optimizerStep(optimizer, config.optimizer.lr);
    }
    expectClose(toArray(task.state.projection_dist as Tensor), toArray(expected.proj), { absolute });
    expect(toArray(task.state['conv1.weight'] as Tensor)).toEqual(
      toArray(readSafetensors(at('clip')).tensors['visual.conv1.weight'] as Tensor),
    );
  }, 300_000);
});

/** Gains and biases moved away from 1 and 0, so that one in the wrong place shows. */
function perturbed(weights: Record<string, Tensor>): Record<string, Tensor> {
  const move = (weight: Tensor) => (weight.shape.length === 1 ? ops.add(weight, ops.randn(weight.shape), 0.05) : weight);
  return Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, move(weight)]));
}

function madeInputs(): Record<'images' | 'labels' | 'ids', Tensor> {
  const { imageSize } = vitB16.vision;
  const { ids, shape } = createTokenizer().tokenize(CLASSES);
  manualSeed(3);
  return {
    images: ops.randn([STEPS, BATCH, 3, imageSize, imageSize]),
    labels: ops.randint(0, CLASSES.length, [STEPS, BATCH]),
    ids: tensor(ids, shape),
  };
}

function batchAt({ images, labels }: Record<'images' | 'labels', Tensor>, step: number) {
  const [, rows, channels, height, width] = images.shape as [number, number, number, number, number];
  return {
    images: ops.select(images, 0, step).data() as Float32Array,
    shape: [rows, channels, height, width] as [number, number, number, number],
    labels: ops.select(labels, 0, step).data() as BigInt64Array,
    indices: new Int32Array(rows),
  };
}
