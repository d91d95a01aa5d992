import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

/* The smallest model there is, on made-up pictures: what is tested is the command around the training. */
const RECIPE = `
task: pretrain
dataset: folder
pretrain: { stem: [4, 8], imageSize: 16, visionWidth: 64, visionLayers: 1, textWidth: 64, textLayers: 1, contextLength: 16,
  vocabularySize: 600, embedDim: 16, templates: ['{class}'], localWeight: 0 }
model: { alpha: 0, topk: 4, branch: global, patchProjection: false, normalizeScores: false, rawTextAtEvaluation: false,
  prompt: '{class}' }
loss: { lossFunction: ce, edlType: mse, evidence: relu, annealing: none, withKl: false, withAvu: false, disentangle: false,
  lambdaKd: 0, lambdaRuc: 0 }
optimizer: { lr: 0.001, minLr: 0, epochs: 2, warmupEpochs: 1, weightDecay: 0, layerDecay: 1, fixLayer: -1, batchSize: 4,
  testBatchSize: 4, accumulate: 1, ema: 0 }
data: { augment: none, shuffle: true, sampler: default, centerCrop: true }
run: { logEvery: 1 }
device: cpu
workers: 0
threads: 1
`;

/** Writes `tiny.yaml` and the data set `faces` (4 test pictures) into a folder. */
export async function writeTinyProject(folder: string): Promise<void> {
  writeFileSync(join(folder, 'tiny.yaml'), RECIPE);
  for (const [label, shade] of Object.entries({ happy: 200, sad: 60 })) {
    mkdirSync(join(folder, 'faces', label), { recursive: true });
    const picture = sharp({ create: { width: 16, height: 16, channels: 3, background: { r: shade, g: shade, b: shade } } });
    for (let i = 0; i < 10; i++)
      await picture
        .clone()
        .png()
        .toFile(join(folder, 'faces', label, `${i}.png`));
  }
}

/** The arguments of a training run of the tiny project, from its folder into `run`. */
export function train(...args: string[]): string[] {
  return ['train', '--recipe', 'tiny.yaml', '--data-path', 'faces', '--out', 'run', ...args];
}
