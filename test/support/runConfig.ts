import type { TrainConfig } from '#uafer/config/schema.js';

type Section = 'optimizer' | 'data' | 'run';
type Overrides = Partial<Omit<TrainConfig, Section>> & { [S in Section]?: Partial<TrainConfig[S]> };

/** A whole configuration for the linear task on made-up pictures; 4 steps an epoch. */
export function testConfig(out: string, overrides: Overrides = {}): TrainConfig {
  const base: TrainConfig = {
    task: 'uafer',
    recipe: 'released',
    dataset: 'folder',
    dataPath: 'pictures',
    clipPath: 'clip.safetensors',
    out,
    seed: 42,
    device: 'cpu',
    precision: 'fp32',
    threads: 1,
    workers: 1,
    model: {
      alpha: 0.1,
      topk: 16,
      branch: 'both',
      patchProjection: false,
      normalizeScores: true,
      rawTextAtEvaluation: true,
      prompt: '{class}',
    },
    loss: {
      lossFunction: 'ce',
      edlType: 'mse',
      evidence: 'relu',
      annealing: 'step',
      withKl: false,
      withAvu: false,
      disentangle: false,
      lambdaKd: 1,
      lambdaRuc: 1,
    },
    optimizer: {
      lr: 1e-2,
      minLr: 1e-8,
      epochs: 3,
      warmupEpochs: 1,
      weightDecay: 5e-4,
      layerDecay: 0.65,
      fixLayer: -1,
      batchSize: 6,
      testBatchSize: 4,
      accumulate: 1,
      ema: 0,
      stemRate: 1,
      stemDecay: 1,
      fixStem: 0,
      beta2: 0.999,
      clipGrad: 0,
    },
    data: {
      augment: 'default',
      shuffle: true,
      sampler: 'default',
      votes: 'majority',
      ferplusTest: 'valid',
      validShare: 0,
      extraSmoothing: 0,
      colour: 'auto',
      centerCrop: false,
      allowUnreadable: false,
    },
    run: { logEvery: 1, maxSteps: 0, maxMinutes: 0, patience: 0, checkpointMinutes: 5 },
  };
  return {
    ...base,
    ...overrides,
    optimizer: { ...base.optimizer, ...overrides.optimizer },
    data: { ...base.data, ...overrides.data },
    run: { ...base.run, ...overrides.run },
  };
}
