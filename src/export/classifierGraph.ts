/**
 * The network as an ONNX graph, built from architecture and weights: pixels to logits, evidence and probabilities, the affinities of patches
 * and texts, and the CLS feature. It computes what `src/clip/vision.ts`, `src/uafer/mfd.ts` and `src/uafer/evidence.ts` do.
 */
import type { Stem } from '../clip/architecture.js';
import type { Classifier } from '../clip/classifier.js';
import { stemConvolutions, stemPadding } from '../clip/stem.js';
import { POOLED } from '../clip/taps.js';
import { LUMA, LUMA_BITS, type Preprocessing } from '../image/preprocess.js';
import { layerOutput } from '../predict/modelFile.js';
import { createLayers, type LayerPrecision, type Layers, type Weight } from './layers.js';
import { createGraph, type GraphBuilder, type Value } from './onnxGraph.js';

/** A classifier whose tensors are plain numbers. */
export type PlainClassifier = Omit<Classifier, 'weights' | 'text'> & {
  weights: Readonly<Record<string, Weight>>;
  /** (C, D). */
  text: Weight;
};

/** Bounds of a logit before `exp`, as `src/uafer/evidence.ts` has them. */
const MAX_EXPONENT = 10;
/** Batch normalisation's, as PyTorch has it. */
const EPSILON = 1e-5;
const HEAD_AXIS = 2;

export interface ClassifierGraphOptions {
  preprocessing: Preprocessing;
  precision: LayerPrecision;
  /** Layers whose means (`src/clip/taps.ts`) are outputs too. */
  wanted?: readonly string[];
}

export interface ClassifierGraph {
  graph: GraphBuilder;
  layers: Layers;
}

/**
 * A file's graph: input `pixels` (N, S, S, 3) of bytes, outputs `logits`, `probabilities`, `evidence`, `affinities`, `feature`, and `layer.` with its
 * name for each layer that is wanted.
 */
export function classifierGraph(
  classifier: PlainClassifier,
  { preprocessing, precision, wanted = [] }: ClassifierGraphOptions,
): ClassifierGraph {
  const graph = createGraph('uafer');
  const layers = createLayers(graph, precision);
  const context: Context = { graph, layers, classifier, wanted };
  const { imageSize } = preprocessing;
  const pixels = graph.input('pixels', 'uint8', ['N', imageSize, imageSize, 3]);
  const tokens = embed(context, pixels, preprocessing); // (N, P + 1, W)
  const normed = norm(context, 'ln_post', throughBlocks(context, tokens));
  const { width } = classifier.architecture;
  tap(context, POOLED, width, () => classToken(context, normed, width));
  answer(context, normed);
  return { graph, layers };
}

interface Context {
  graph: GraphBuilder;
  layers: Layers;
  classifier: PlainClassifier;
  wanted: readonly string[];
}

/** Makes an output of a layer's means (N, W), where they are wanted. */
function tap({ graph, wanted }: Context, layer: string, width: number, means: () => Value): void {
  if (wanted.includes(layer)) graph.output(layerOutput(layer), means(), 'float32', ['N', width]);
}

function weightOf({ classifier }: Context, name: string): Weight {
  const found = classifier.weights[name];
  if (!found) throw new RangeError(`the classifier has no weights "${name}"`);
  return found;
}

function norm(context: Context, name: string, x: Value): Value {
  return context.layers.norm(name, x, weightOf(context, `${name}.weight`), weightOf(context, `${name}.bias`));
}

/** Tokens that enter the first block, as `embed` of `src/clip/vision.ts`. */
function embed(context: Context, pixels: Value, preprocessing: Preprocessing): Value {
  const { graph, layers, classifier } = context;
  const { width, patchSize } = classifier.architecture;
  const patches = patchesOf(classifier.architecture);
  const planes = coloured(
    context,
    graph.node('Transpose', [graph.node('Cast', [pixels], { to: 1 })], { perm: [0, 3, 1, 2] }),
    preprocessing,
  );
  // The mean is taken off here and not within the first kernel: a stem pads with the mean colour.
  const mean = Float32Array.from(preprocessing.mean, (value) => 255 * value);
  const centred = graph.node('Sub', [planes, layers.float('mean', mean, [1, 3, 1, 1])]);
  const grid = classifier.architecture.stem
    ? stem(context, centred, classifier.architecture.stem, preprocessing)
    : layers.conv('conv1', centred, normalizing(weightOf(context, 'conv1.weight'), preprocessing), null, {
        stride: patchSize,
      }); // (N, W, G, G)
  const rows = graph.node('Transpose', [graph.node('Reshape', [grid, layers.ints(0, width, patches)])], { perm: [0, 2, 1] });
  const size = graph.node('Slice', [graph.node('Shape', [rows]), layers.ints(0), layers.ints(1)]);
  const wanted = graph.node('Concat', [size, layers.ints(1, width)], { axis: 0 });
  const cls = layers.float('class_embedding', weightOf(context, 'class_embedding').values, [1, 1, width]);
  const tokens = graph.node('Concat', [graph.node('Expand', [cls, wanted]), rows], { axis: 1 });
  const positions = weightOf(context, 'positional_embedding');
  const placed = graph.node('Add', [tokens, layers.float('positional_embedding', positions.values, positions.dims)]);
  return norm(context, 'ln_pre', placed);
}

/** (N, 3, S, S) as they are, or their luma in all channels, rounded to whole numbers as `greyed` does: single precision holds the sums exactly. */
function coloured({ graph, layers }: Context, planes: Value, { colour }: Preprocessing): Value {
  if (colour === 'rgb') return planes;
  const weighted = graph.node('Mul', [planes, layers.float('luma', Float32Array.from(LUMA), [1, 3, 1, 1])]);
  const sum = graph.node('ReduceSum', [weighted, layers.ints(1)], { keepdims: 1 });
  const rounded = graph.node('Add', [graph.node('Mul', [sum, layers.scalar(2 ** -LUMA_BITS)]), layers.scalar(0.5)]);
  const grey = graph.node('Floor', [rounded]);
  return graph.node('Concat', [grey, grey, grey], { axis: 1 });
}

/** A kernel over RGB in 0..1, normalised, as a kernel over bytes less their mean: each channel divided by 255 times its deviation. */
function normalizing({ dims, values }: Weight, { deviation }: Preprocessing): Weight {
  const [, channels, rows, columns] = dims as [number, number, number, number];
  const area = rows * columns;
  const scaled = values.map((value, i) => value / (255 * (deviation[Math.floor(i / area) % channels] as number)));
  return { dims, values: scaled };
}

/** Convolutions with batch normalisation folded into them, what residual blocks add, and ReLU or ReLU6. */
function stem(context: Context, x: Value, architecture: Stem, preprocessing: Preprocessing): Value {
  const { graph, layers } = context;
  let hidden = x;
  let taken = x; // by the layer
  const convolutions = stemConvolutions(architecture);
  let side = context.classifier.architecture.imageSize;
  for (const [i, convolution] of convolutions.entries()) {
    const { kernel, bias } = folded(context, i + 1);
    const { before, after } = stemPadding(architecture, convolution);
    if (convolutions[i - 1]?.layer !== convolution.layer) taken = hidden;
    const convolved = layers.conv(`stem.conv${i + 1}`, hidden, i === 0 ? normalizing(kernel, preprocessing) : kernel, bias, {
      stride: convolution.stride,
      padding: [before, after],
      groups: convolution.depthwise ? convolution.inputs : 1,
      ...(convolution.adds ? {} : { activation: architecture.kind === 'separable' ? 'relu6' : 'relu' }),
    });
    hidden = convolution.adds ? graph.node('Relu', [graph.node('Add', [convolved, taken])]) : convolved;
    const { layer, outputs, stride } = convolution;
    side /= stride;
    const [made, pixels] = [hidden, side ** 2];
    if (convolutions[i + 1]?.layer !== layer)
      tap(context, `stem.${layer}`, outputs, () => planeMeans(context, made, outputs, pixels));
  }
  return layers.conv('stem.proj', hidden, weightOf(context, 'stem.proj.weight'), null, { stride: 1 });
}

/** gain (conv(x) - mean) / sqrt(variance + eps) + bias as one convolution. */
function folded(context: Context, i: number): { kernel: Weight; bias: Weight } {
  const { dims, values } = weightOf(context, `stem.conv${i}.weight`);
  const part = (leaf: string) => weightOf(context, `stem.bn${i}.${leaf}`).values;
  const [gain, shift, mean, variance] = [part('weight'), part('bias'), part('running_mean'), part('running_var')];
  const factor = Float64Array.from(gain, (value, c) => value / Math.sqrt((variance[c] as number) + EPSILON));
  const size = values.length / gain.length;
  return {
    kernel: { dims, values: values.map((value, k) => value * (factor[Math.floor(k / size)] as number)) },
    bias: {
      dims: [gain.length],
      values: shift.map((value, c) => value - (mean[c] as number) * (factor[c] as number)),
    },
  };
}

function throughBlocks(context: Context, tokens: Value): Value {
  const { graph, classifier } = context;
  let x = tokens;
  for (let i = 0; i < classifier.architecture.layers; i++) {
    const name = `transformer.resblocks.${i}`;
    x = graph.node('Add', [x, attention(context, `${name}.attn`, norm(context, `${name}.ln_1`, x))]);
    x = graph.node('Add', [x, mlp(context, `${name}.mlp`, norm(context, `${name}.ln_2`, x))]);
    const made = x;
    tap(context, `block.${i + 1}`, classifier.architecture.width, () => patchMeans(context, made));
  }
  return x;
}

/** (N, W, H, H) to (N, W), the mean over the picture. */
function planeMeans(context: Context, planes: Value, width: number, pixels: number): Value {
  const { graph, layers } = context;
  const rows = graph.node('Reshape', [planes, layers.ints(0, width, pixels)]);
  return rowMeans(context, graph.node('Transpose', [rows], { perm: [0, 2, 1] }), pixels);
}

/** (N, P + 1, W) to (N, W), the mean over the patches. */
function patchMeans(context: Context, tokens: Value): Value {
  const patches = patchesOf(context.classifier.architecture);
  return rowMeans(context, tokensBetween(context, tokens, 1, patches + 1), patches);
}

function tokensBetween({ graph, layers }: Context, tokens: Value, from: number, to: number): Value {
  return graph.node('Slice', [tokens, layers.ints(from), layers.ints(to), layers.ints(1)]);
}

/** Of tokens (N, P + 1, W) the first one, (N, W). */
function classToken(context: Context, tokens: Value, width: number): Value {
  return context.graph.node('Reshape', [tokensBetween(context, tokens, 0, 1), context.layers.ints(0, width)]);
}

/** (N, R, W) to (N, W), as a product a picture: ONNX Runtime's mean adds up otherwise for one picture than for several. */
function rowMeans({ graph, layers }: Context, rows: Value, count: number): Value {
  const shares = layers.float(`1 / ${count}`, new Float32Array(count).fill(1 / count), [1, count]);
  return graph.node('Squeeze', [graph.node('MatMul', [shares, rows]), layers.ints(1)]);
}

const patchesOf = ({ imageSize, patchSize }: { imageSize: number; patchSize: number }) => (imageSize / patchSize) ** 2;

/** Softmax attention of several heads; the scale 1 / sqrt(width of a head) is within the queries' weights. */
function attention(context: Context, name: string, x: Value): Value {
  const { graph, layers, classifier } = context;
  const { width, heads } = classifier.architecture;
  const joined = layers.linear(
    `${name}.in_proj`,
    x,
    scaledQueries(weightOf(context, `${name}.in_proj_weight`), width, heads),
    scaledQueries(weightOf(context, `${name}.in_proj_bias`), width, heads),
  ); // (N, L, 3W)
  const parts = graph.nodes('Split', [joined], 3, { axis: HEAD_AXIS });
  const split = (part: Value, perm: number[]) =>
    graph.node('Transpose', [graph.node('Reshape', [part, layers.ints(0, 0, heads, width / heads)])], { perm });
  const [q, k, v] = parts as [Value, Value, Value];
  const scores = graph.node('MatMul', [split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1])]); // (N, H, L, L)
  const weighted = graph.node('MatMul', [graph.node('Softmax', [scores], { axis: -1 }), split(v, [0, 2, 1, 3])]);
  const together = graph.node('Reshape', [
    graph.node('Transpose', [weighted], { perm: [0, 2, 1, 3] }),
    layers.ints(0, 0, width),
  ]);
  return layers.linear(
    `${name}.out_proj`,
    together,
    weightOf(context, `${name}.out_proj.weight`),
    weightOf(context, `${name}.out_proj.bias`),
  );
}

/** The first `width` rows belong to the queries. */
function scaledQueries({ dims, values }: Weight, width: number, heads: number): Weight {
  const queries = (values.length / (dims[0] as number)) * width;
  const scale = (width / heads) ** -0.5;
  return { dims, values: values.map((value, i) => (i < queries ? value * scale : value)) };
}

function mlp(context: Context, name: string, x: Value): Value {
  const { graph, layers } = context;
  const layer = (leaf: string, input: Value) =>
    layers.linear(
      `${name}.${leaf}`,
      input,
      weightOf(context, `${name}.${leaf}.weight`),
      weightOf(context, `${name}.${leaf}.bias`),
    );
  const hidden = layer('c_fc', x);
  const gate = graph.node('Sigmoid', [graph.node('Mul', [hidden, layers.scalar(1.702)])]);
  return layer('c_proj', graph.node('Mul', [hidden, gate]));
}

/** From normalised tokens (N, P + 1, W) to the outputs. */
function answer(context: Context, normed: Value): void {
  const { graph, layers, classifier } = context;
  const { scores, text, embedDim, architecture } = classifier;
  const patches = patchesOf(architecture);
  const classes = text.dims[0] as number;
  const projected = graph.node('MatMul', [
    normed,
    layers.float('proj', weightOf(context, 'proj').values, [architecture.width, embedDim]),
  ]);
  const cls = classToken(context, projected, embedDim);
  const patchRows = (value: Value) => tokensBetween(context, value, 1, patches + 1);
  const local = scores.patchProjection ? projectedPatches(context, patchRows(normed)) : patchRows(projected);
  const feature = unit(context, cls, 1); // (N, D)
  const texts = layers.float('text', turned(text), [embedDim, classes]);
  const affinities = graph.node('MatMul', [unit(context, local, 2), texts]); // (N, P, C)
  const global = globalScore(context, feature);
  const { logits, probabilities, evidence } = classifier.fusion
    ? fused(context, affinities, global, classifier.fusion)
    : answered(context, scaled(context, mixed(context, affinities, global), scores));
  graph.output('logits', logits, 'float32', ['N', classes]);
  graph.output('probabilities', probabilities, 'float32', ['N', classes]);
  if (evidence) graph.output('evidence', evidence, 'float32', ['N', classes]);
  graph.output('affinities', affinities, 'float32', ['N', patches, classes]);
  graph.output('feature', feature, 'float32', ['N', embedDim]);
}

/**
 * (N, C) products of features and texts. Each picture has a product of its own, of the same shape: one for the whole batch is computed otherwise
 * for a picture alone than for several, with other last digits.
 */
function globalScore({ graph, layers, classifier: { text } }: Context, feature: Value): Value {
  const texts = layers.float('text rows', text.values, text.dims);
  const columns = graph.node('Unsqueeze', [feature, layers.ints(2)]);
  return graph.node('Squeeze', [graph.node('MatMul', [texts, columns]), layers.ints(2)]);
}

/** (C, D) to (D, C). */
function turned({ dims, values }: Weight): Float32Array {
  const [rows, columns] = dims as [number, number];
  return Float32Array.from({ length: values.length }, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)] as number);
}

/** The ablation's own projection of the patches: Linear, Tanh, Linear. */
function projectedPatches(context: Context, patches: Value): Value {
  const { graph, layers } = context;
  const layer = (leaf: string, x: Value) =>
    layers.linear(
      `projection.${leaf}`,
      x,
      weightOf(context, `projection.${leaf}.weight`),
      weightOf(context, `projection.${leaf}.bias`),
    );
  return layer('fc2', graph.node('Tanh', [layer('fc1', patches)]));
}

/** x / |x| over an axis. */
function unit({ graph }: Context, x: Value, axis: number): Value {
  return graph.node('Div', [x, graph.node('ReduceL2', [x], { axes: [axis], keepdims: 1 })]);
}

/** alpha local + (1 - alpha) global, or one of the two, each of unit length over the classes where that is asked for. */
function mixed(context: Context, affinities: Value, global: Value): Value {
  const { graph, layers, classifier } = context;
  const { alpha, branch, topk, normalizeScores } = classifier.scores;
  const prepared = (score: Value) => (normalizeScores ? unit(context, score, 1) : score);
  if (branch === 'global') return prepared(global);
  const local = prepared(localScore(context, affinities, topk));
  if (branch === 'local') return local;
  const weighted = (score: Value, weight: number) => graph.node('Mul', [score, layers.scalar(weight)]);
  return graph.node('Add', [weighted(local, alpha), weighted(prepared(global), 1 - alpha)]);
}

function localScore(context: Context, affinities: Value, topk: number): Value {
  const { graph, layers } = context;
  const [largest] = graph.nodes('TopK', [affinities, layers.ints(topk)], 2, { axis: 1 }) as [Value, Value];
  return rowMeans(context, largest, topk);
}

/** scale (score + shift). */
function scaled({ graph, layers }: Context, score: Value, { scale, shift }: { scale: number; shift: number }): Value {
  const moved = shift === 0 ? score : graph.node('Add', [score, layers.scalar(shift)]);
  return scale === 1 ? moved : graph.node('Mul', [moved, layers.scalar(scale)]);
}

interface AnswerValues {
  logits: Value;
  probabilities: Value;
  /** Of a Dirichlet distribution with a = evidence + 1. */
  evidence?: Value;
}

/** Softmax of logits, or what they say as evidence. */
function answered(context: Context, logits: Value): AnswerValues {
  const { graph, classifier } = context;
  if (classifier.answer === 'softmax') return { logits, probabilities: graph.node('Softmax', [logits], { axis: 1 }) };
  const evidence = evidenceOf(context, logits);
  return { logits, evidence, probabilities: dirichletMean(context, alphaOf(context, evidence)) };
}

/** Evidence of each branch, fused as `src/uafer/fusion.ts` does. */
function fused(context: Context, affinities: Value, global: Value, fusion: NonNullable<Classifier['fusion']>): AnswerValues {
  const { graph, classifier } = context;
  const { topk, normalizeScores } = classifier.scores;
  const own = (score: Value, scale: { scale: number; shift: number }) =>
    evidenceOf(context, scaled(context, normalizeScores ? unit(context, score, 1) : score, scale));
  const first = own(global, fusion.global);
  const second = own(localScore(context, affinities, topk), fusion.local);
  const evidence = fusedEvidence(context, fusion.rule, first, second);
  const alpha = alphaOf(context, evidence);
  return { logits: graph.node('Log', [alpha]), evidence, probabilities: dirichletMean(context, alpha) };
}

function fusedEvidence(context: Context, rule: NonNullable<Classifier['fusion']>['rule'], first: Value, second: Value): Value {
  const { graph, layers, classifier } = context;
  const classes = classifier.text.dims[0] as number;
  const sum = graph.node('Add', [first, second]);
  switch (rule) {
    case 'cumulative':
      return sum;
    case 'dempster':
      return graph.node('Add', [sum, graph.node('Mul', [graph.node('Mul', [first, second]), layers.scalar(1 / classes)])]);
    case 'average':
      return averagedEvidence(context, first, second);
  }
}

/** (e1' + e2') / 2 of evidence that is discounted by the conflict d: e' = e C (1 - d) / (C + d sum e). */
function averagedEvidence(context: Context, first: Value, second: Value): Value {
  const { graph, layers, classifier } = context;
  const classes = layers.scalar(classifier.text.dims[0] as number);
  const mul = (a: Value, b: Value) => graph.node('Mul', [a, b]);
  // Not `sumOverClasses`: with as many of its small values alive at once, ONNX Runtime's memory pattern mixes them up (`src/onnx/network.ts`),
  // and others run these files with it.
  const sum = (x: Value) => graph.node('ReduceSum', [x, layers.ints(1)], { keepdims: 1 });
  const [one, other] = [first, second].map((evidence) => {
    const total = sum(evidence);
    const strength = graph.node('Add', [total, classes]);
    return { evidence, total, strength, mean: graph.node('Div', [alphaOf(context, evidence), strength]) };
  }) as [Opinion, Opinion];
  const apart = sum(graph.node('Abs', [graph.node('Sub', [one.mean, other.mean])]));
  const certainty = graph.node('Div', [mul(one.total, other.total), mul(one.strength, other.strength)]);
  const conflict = mul(mul(apart, certainty), layers.scalar(0.5));
  const trust = graph.node('Sub', [classes, mul(conflict, classes)]); // C (1 - d)
  const discounted = ({ evidence, total }: Opinion) =>
    mul(evidence, graph.node('Div', [trust, graph.node('Add', [mul(conflict, total), classes])]));
  return mul(graph.node('Add', [discounted(one), discounted(other)]), layers.scalar(0.5));
}

/** Values (N, C) and (N, 1) of one branch. */
interface Opinion {
  evidence: Value;
  total: Value;
  strength: Value;
  mean: Value;
}

function alphaOf({ graph, layers }: Context, evidence: Value): Value {
  return graph.node('Add', [evidence, layers.scalar(1)]);
}

function dirichletMean(context: Context, alpha: Value): Value {
  return context.graph.node('Div', [alpha, sumOverClasses(context, alpha)]);
}

/** (N, C) to (N, 1), as a product a picture (see `rowMeans`). */
function sumOverClasses({ graph, layers, classifier: { text } }: Context, x: Value): Value {
  const classes = text.dims[0] as number;
  const ones = layers.float('ones', new Float32Array(classes).fill(1), [1, classes]);
  const columns = graph.node('Unsqueeze', [x, layers.ints(2)]);
  return graph.node('Squeeze', [graph.node('MatMul', [ones, columns]), layers.ints(2)]);
}

function evidenceOf({ graph, layers, classifier }: Context, logits: Value): Value {
  switch (classifier.answer) {
    case 'exp':
      return graph.node('Exp', [graph.node('Clip', [logits, layers.scalar(-MAX_EXPONENT), layers.scalar(MAX_EXPONENT)])]);
    case 'softplus':
      return graph.node('Softplus', [logits]);
    default:
      return graph.node('Relu', [logits]);
  }
}
