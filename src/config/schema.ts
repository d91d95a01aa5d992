import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { datasetNames } from '../data/datasets.js';
import { parseKeptSize } from '../data/keptPictures.js';
import { isSubjectPattern } from '../data/subjects.js';

/*
 * The schema is the one description of a configuration: types, ranges, command-line options and their help come from it. Each
 * field's error message is the phrase that follows "expected".
 */

const number = (min: number, max = Infinity) => {
  const error = max === Infinity ? `a number of at least ${min}` : `a number from ${min} to ${max}`;
  return z.number(error).min(min, error).max(max, error);
};
/** `why` is the reason for the largest value. */
const whole = (min: number, max = Number.MAX_SAFE_INTEGER, why = '') => {
  const bounded = `a whole number from ${min} to ${max}${why}`;
  const plain = max === Number.MAX_SAFE_INTEGER ? `a whole number of at least ${min}` : bounded;
  // Beyond the largest, zod's answer to any number is that it is too big, which is no matter of its being whole.
  const error = (issue: { code?: string | undefined }) => (issue.code === 'too_big' ? bounded : plain);
  const value = z.number(plain).int({ error }).min(min, plain);
  return max === Number.MAX_SAFE_INTEGER ? value : value.max(max, bounded);
};
const oneOf = <const Names extends readonly [string, ...string[]]>(...names: Names) =>
  z.enum(names, { error: `one of ${names.join(', ')}` });
const flag = () => z.boolean('true or false');
const path = (what: string) => z.string(what).min(1, what);

const taskName = oneOf('uafer', 'pretrain');
/** Names may be added (`addDataset`), so they are looked up when they are needed. */
const datasetName = z
  .string(`one of ${datasetNames().join(', ')}`)
  .refine((name) => datasetNames().includes(name), { error: () => `one of ${datasetNames().join(', ')}` })
  .meta({ choices: datasetNames });

const PROMPT = 'a text with {class} in it';

const modelSchema = z.strictObject({
  alpha: number(0, 1).describe('weight of the local score: logits = alpha local + (1 - alpha) global'),
  topk: whole(1).describe('patches whose affinities are averaged for the local score'),
  branch: oneOf('both', 'global', 'local').describe('which scores are used'),
  patchProjection: flag().describe('learned projection (Linear, Tanh, Linear) of the patch features'),
  normalizeScores: flag().describe('L2-normalise each score over the classes'),
  rawTextAtEvaluation: flag().describe("the original's quirk: evaluation uses the text embeddings unnormalised"),
  prompt: z
    .string(PROMPT)
    .refine((prompt) => prompt.includes('{class}') || prompt.endsWith('.txt'), { error: PROMPT })
    .describe(
      '{class} stands for the label name; the original uses the bare name; of a .txt file with a text a line, the mean of their features',
    ),
  fusion: oneOf('none', 'dempster', 'cumulative', 'average')
    .default('none')
    .describe('each score gives evidence of its own, and the two opinions are fused by this rule; none mixes the scores'),
  learnedScale: flag()
    .default(false)
    .describe("scores are shifted and multiplied before they become evidence; the factor is learned, from CLIP's"),
});

const lossSchema = z.strictObject({
  lossFunction: oneOf('edl', 'dm', 'ce', 'focal', 'balanced', 'cosine', 'gce').describe(
    'classification loss; dm is the Dirichlet-multinomial likelihood of the raw votes',
  ),
  edlType: oneOf('mse', 'log', 'digamma', 'cross_entropy').describe('evidential loss, with --loss-function edl'),
  evidence: oneOf('relu', 'exp', 'softplus').describe('from logits to evidence'),
  annealing: oneOf('step', 'exp', 'none').describe('how the weights of KL and AvU grow'),
  withKl: flag().describe('add KL to the uniform Dirichlet (mse, log, digamma; cross_entropy always has it)'),
  withAvu: flag().describe('add accuracy versus uncertainty (log, digamma; any with --fusion)'),
  disentangle: flag().describe('the disentangled form of AvU'),
  lambdaKd: number(0).describe("weight of the distillation from the frozen CLIP's CLS feature"),
  lambdaRuc: number(0).describe('weight of AvU'),
  lambdaBranch: number(0).default(1).describe("with --fusion, weight of the evidential loss of each branch's own opinion"),
  target: oneOf('label', 'votes')
    .default('label')
    .describe("what ce is compared with: the label, or the shares of the annotators' votes (--votes says which pictures)"),
  distillation: oneOf('cls', 'unit', 'none')
    .default('cls')
    .describe(
      "from the frozen CLIP's CLS feature as it comes (the original's way), or of unit length as the student's is; with none a step needs no teacher",
    ),
});

const optimizerSchema = z.strictObject({
  lr: number(0).describe('peak learning rate'),
  minLr: number(0).describe('learning rate at the end of the cosine'),
  epochs: whole(1).describe('passes over the training set'),
  warmupEpochs: number(0).describe('epochs of linear warm-up'),
  weightDecay: number(0).describe('of AdamW; 1-D parameters have none'),
  layerDecay: number(0, 1).describe('factor of the learning rate from a layer to the one below'),
  fixLayer: whole(-1).describe('parameters with a layer id up to this are frozen; -1 freezes nothing'),
  batchSize: whole(1).describe('pictures a batch'),
  testBatchSize: whole(1).describe('pictures a batch in evaluation'),
  accumulate: whole(1).describe('batches whose gradients are added up to one step'),
  ema: number(0, 1).describe('decay of the moving average of the weights; 0 turns it off'),
  stemRate: number(0).default(1).describe("factor of the learning rate of a convolutional stem's last layer"),
  stemDecay: number(0, 1)
    .default(1)
    .describe('factor of the learning rate from a layer of a convolutional stem to the one below'),
  fixStem: whole(0).default(0).describe('layers of a convolutional stem that are frozen, counted from the picture'),
  beta2: number(0, 1).default(0.999).describe("AdamW's decay of the squared gradients"),
  gradientCheckpointing: flag()
    .default(false)
    .describe(
      'keeps of each trained block its input alone and computes the rest again in backward: 2.7 GB in place of 4.6 for ViT-B/16 at a batch of 32, in 1.3 times the time',
    ),
  clipGrad: number(0).default(0).describe('largest norm that all gradients together may have; 0 leaves them as they are'),
});

const PATTERN = "a regular expression with a group for the person, such as '^(.+)_[0-9]+'";

const KEPT_SIZE = 'a size such as 8GB or 500MB, or off';

const dataSchema = z.strictObject({
  augment: oneOf('default', 'none', 'strong', 'soft').describe(
    "default is the data set's own (the original's); none only resizes; strong and soft are for small backbones",
  ),
  shuffle: flag().describe('false keeps the order of class, then list'),
  sampler: oneOf('default', 'uniform', 'imbalanced').describe('imbalanced draws with replacement by inverse class frequency'),
  samplerPower: number(0, 1)
    .optional()
    .describe('draw with replacement by class frequency to the power of minus this, whatever the sampler says'),
  votes: oneOf('majority', 'distribution')
    .default('majority')
    .describe('FER+: train on pictures with a majority label, or on all with the votes as a distribution'),
  countedVotes: oneOf('all', 'repeated')
    .default('all')
    .describe('the votes in the likelihood: all, or only answers that two annotators and more gave'),
  mixup: number(0, 1)
    .default(0)
    .describe(
      'UA-FER learns from mixtures of two pictures, by shares from Beta(a, a) with this a, that are both of them (Zhang et al. 2018)',
    ),
  ferplusTest: oneOf('valid', 'test')
    .default('valid')
    .describe("FER+: the pictures to test on, FER2013's public test set (FER+'s validation) or its private one"),
  extraPath: z
    .string('a folder')
    .optional()
    .describe('a folder data set whose training pictures are added; its classes are matched by name'),
  extraSmoothing: number(0, 1)
    .default(0)
    .describe('share of a label of those pictures that is spread over all classes, beside votes'),
  colour: oneOf('auto', 'rgb', 'grey')
    .default('auto')
    .describe('grey repeats the luma; auto is what the CLIP weights learned from, where they say it'),
  centerCrop: flag()
    .optional()
    .describe(
      'cut the middle out of pictures that are not square; where nothing is said, folder does, and elsewhere such pictures are an error',
    ),
  subjectPattern: z
    .string(PATTERN)
    .refine(isSubjectPattern, { error: PATTERN })
    .optional()
    .describe(
      "folder without train/ and test/: regular expression on the pictures' names whose first group is the person, so that nobody stands " +
        'in training and test (else subjects.txt, "path person" a line)',
    ),
  folds: whole(2)
    .optional()
    .describe('cut the pictures of both parts into this many folds by people; --fold says which is tested on'),
  fold: whole(1).optional().describe('the fold that is tested on, counted from 1; all others are trained on'),
  foldList: z
    .string('a file with a line "person fold" for everyone')
    .optional()
    .describe('a file that says who is in which fold, "person fold" a line, in place of --folds'),
  validShare: number(0, 0.5)
    .default(0)
    .describe(
      'share of the training pictures (of the people, where they are known) kept out of training for `uafer calibrate`',
    ),
  allowUnreadable: flag().default(false).describe('go on although more than 1% of the pictures cannot be read'),
  cachePictures: z
    .string(KEPT_SIZE)
    .refine((size) => parseKeptSize(size) !== null, { error: KEPT_SIZE })
    .default('8GB')
    .describe(
      'what decoded pictures may take on the disk (in UAFER_PICTURES, by default ~/.cache/uafer/pictures), for all runs; off decodes them in every epoch',
    ),
  cachePrefix: oneOf('off', 'fp32', 'bf16')
    .default('off')
    .describe(
      'keeps the output of the frozen blocks on the disk too, where the augmentation has few variants: ViT-B/16 600 KB a picture and variant, or half of that rounded to bf16',
    ),
});

const runSchema = z.strictObject({
  logEvery: whole(1).default(10).describe('steps between lines of log.jsonl'),
  maxSteps: whole(0).default(0).describe('stop after this many steps; 0 is no limit'),
  maxMinutes: number(0).default(0).describe('stop after this many minutes; 0 is no limit'),
  patience: whole(0).default(0).describe('epochs without a better test metric before the run stops; 0 is never'),
  checkpointMinutes: number(0)
    .default(10)
    .describe("minutes between checkpoints within an epoch; one is written at every epoch's end and every stop in any case"),
});

const channels = z.array(whole(1), 'a list of whole numbers').min(2, 'at least two numbers');

/** The small CLIP that pre-training makes, and the sentences that it learns. A recipe gives it; it has no options. */
const pretrainSchema = z.strictObject({
  stem: channels.describe('channels of the layers of convolutions in front of the vision tower'),
  stemKind: oneOf('plain', 'separable', 'residual')
    .optional()
    .describe(
      "3 x 3 convolutions, of which all but the first halve the picture (plain), MobileNet's (separable), or 2 x 2 that widen and halve with a residual block for each width that comes again (residual)",
    ),
  imageSize: whole(8),
  visionWidth: whole(64),
  visionLayers: whole(1),
  textWidth: whole(64),
  textLayers: whole(1),
  contextLength: whole(4),
  vocabularySize: whole(515).describe('514 and the number of BPE merges'),
  embedDim: whole(8),
  templates: z.array(z.string().includes('{class}', 'a text with {class} in it')).min(1, 'at least one sentence'),
  localWeight: number(0).describe('weight of the loss on the local (patch) affinities beside the global one'),
  mixup: number(0, 1)
    .optional()
    .describe('pictures and votes are mixed in pairs, by shares from Beta(a, a) with this a (Zhang et al. 2018)'),
  logitAdjustment: number(0)
    .optional()
    .describe('this power of the class frequencies is taken out of the answers that training asks for (Menon et al. 2021)'),
});

export const trainConfigSchema = z.strictObject({
  task: taskName.default('uafer').describe('what is trained: UA-FER, or the image-text pre-training of a small backbone'),
  recipe: path('the name of a recipe').describe('full set of defaults'),
  dataset: datasetName.default('rafdb').describe('data set'),
  dataPath: path("the data set's folder").describe("the data set's root, or the original's basic/ folder"),
  clipPath: z
    .string('a file')
    .default('')
    .describe('CLIP weights to start from (.pt, .pth or .safetensors): the downloaded ViT-B/16, else the small backbone'),
  out: z.string('a folder').default('').describe('run folder (runs/<date>-<dataset>-<recipe>)'),
  seed: whole(0).default(42).describe('seed of weights, order and augmentation'),
  device: z
    .string()
    .regex(/^(auto|cpu|mps|cuda(:\d+)?)$/, 'auto, cpu, mps, cuda or cuda:N')
    .default('auto')
    .describe('auto takes a GPU where there is one'),
  precision: oneOf('fp32', 'bf16', 'tf32', 'auto')
    .default('fp32')
    .describe(
      "bf16 is mixed precision, for GPUs and processors with AVX512-BF16 or AMX: on others it is many times slower; auto takes it where it is quick; tf32 is fp32 whose products GPUs of NVIDIA's round to TF32",
    ),
  threads: whole(0, 1024).default(0).describe("threads an operator; 0 is libtorch's choice"),
  workers: whole(0, 256, ' (each is a thread that takes about 35 MB)')
    .default(() => Math.min(8, availableParallelism()))
    .describe('worker threads that decode and transform pictures; 0 does it in the training thread'),
  model: modelSchema,
  loss: lossSchema,
  optimizer: optimizerSchema,
  data: dataSchema,
  run: runSchema.prefault({}),
  pretrain: pretrainSchema.optional(),
});

/** Everything that decides a run. Written to the run folder as `config.yaml`; see `recipes/` for full sets of values. */
export type TrainConfig = z.infer<typeof trainConfigSchema>;
export type ModelConfig = z.infer<typeof modelSchema>;
export type LossConfig = z.infer<typeof lossSchema>;
export type OptimizerConfig = z.infer<typeof optimizerSchema>;
export type PretrainConfig = z.infer<typeof pretrainSchema>;
