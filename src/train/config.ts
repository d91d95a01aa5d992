/** Everything that decides a run. Written to the run folder as `config.yaml`; see `recipes/` for full sets of values. */
export interface TrainConfig {
  /** What is trained: UA-FER, or the image-text pre-training of a small backbone. */
  task: TaskName;
  recipe: string;
  dataset: DatasetName;
  dataPath: string;
  /** CLIP weights to start from (`.pt`, `.pth` or `.safetensors`). */
  clipPath: string;
  out: string;
  seed: number;
  device: string;
  precision: 'fp32' | 'bf16';
  /** Threads per operator; 0 leaves libtorch's choice. */
  threads: number;
  /** Worker threads that decode and transform pictures. */
  workers: number;
  model: ModelConfig;
  loss: LossConfig;
  optimizer: OptimizerConfig;
  data: DataConfig;
  run: RunConfig;
}

export type TaskName = 'uafer' | 'pretrain';

export type DatasetName = 'rafdb' | 'affectnet' | 'affectnet_8' | 'ferplus' | 'folder';

export interface ModelConfig {
  /** Weight of the local score: logits = alpha local + (1 - alpha) global. */
  alpha: number;
  /** Patches whose affinities are averaged for the local score. */
  topk: number;
  branch: 'both' | 'global' | 'local';
  /** Learned projection (Linear, Tanh, Linear) of the patch features. */
  patchProjection: boolean;
  /** L2-normalise each score over the classes. */
  normalizeScores: boolean;
  /** The original's quirk: evaluation uses the text embeddings unnormalised. */
  rawTextAtEvaluation: boolean;
  /** `{class}` stands for the label name; the original uses the bare name. */
  prompt: string;
}

export interface LossConfig {
  lossFunction: 'edl' | 'ce' | 'focal' | 'balanced' | 'cosine' | 'gce';
  edlType: 'mse' | 'log' | 'digamma' | 'cross_entropy';
  evidence: 'relu' | 'exp' | 'softplus';
  annealing: 'step' | 'exp' | 'none';
  withKl: boolean;
  withAvu: boolean;
  disentangle: boolean;
  lambdaKd: number;
  lambdaRuc: number;
}

export interface OptimizerConfig {
  lr: number;
  minLr: number;
  epochs: number;
  warmupEpochs: number;
  weightDecay: number;
  layerDecay: number;
  /** Parameters with a layer id up to this are frozen; -1 freezes nothing. */
  fixLayer: number;
  batchSize: number;
  testBatchSize: number;
  /** Small batches whose gradients are added up to one step. */
  accumulate: number;
  /** Decay of the exponential moving average of the weights; 0 turns it off. */
  ema: number;
}

export interface DataConfig {
  /** `default` is the data set's own (the original's); `none` only resizes. */
  augment: 'default' | 'none' | 'strong';
  shuffle: boolean;
  /** `imbalanced` draws with replacement by inverse class frequency; `default` is the data set's own. */
  sampler: 'default' | 'uniform' | 'imbalanced';
  centerCrop: boolean;
  /** Unreadable pictures beyond 1% stop the run unless allowed. */
  allowUnreadable: boolean;
}

export interface RunConfig {
  logEvery: number;
  /** 0: no limit. */
  maxSteps: number;
  maxMinutes: number;
  /** Epochs without a better test metric before the run stops; 0: never. */
  patience: number;
  /** Minutes between checkpoints within an epoch; one is written at every epoch's end and at every stop in any case. */
  checkpointMinutes: number;
}
