import { ops, scope, type Tensor } from '../engine/index.js';
import { readWeights } from '../engine/weights.js';
import { UaferError } from '../errors.js';
import { architectureOf, ShapeError } from './derive.js';
import { clipShapes, VISION_PREFIX } from './shapes.js';
import { type Clip, clipOf } from './towers.js';

type Tensors = Record<string, Tensor>;

/** Name of the vision tower's projection in CLIP, and in a fine-tuned model of UA-FER. */
const CLIP_PROJECTION = 'proj';
const FINE_TUNED_PROJECTION = 'projection_dist';
/** What files keep beside the weights: sizes that the shapes tell too, and PyTorch's counters of batches. */
const NO_WEIGHTS = /^(input_resolution|context_length|vocab_size)$|\.num_batches_tracked$/;
/** Of the vision tower in either naming: enough to find it in a file that lacks one of them. */
const LANDMARKS = ['class_embedding', 'ln_pre.weight', 'ln_post.weight'];

/**
 * CLIP (a ViT in OpenAI's format, with `conv1` or a convolutional stem) from a TorchScript archive, a file of `torch.save` (the
 * tensors may lie under `state_dict`, `model` or the like, with `module.` in front) or safetensors, told apart by content. Halves
 * become fp32. A model that the original UA-FER saved opens too; it has no text tower.
 *
 * Throws `CHECKPOINT` naming the tensor that is missing or unknown, or its shape and the one that was expected; and with
 * `requireText` when there is no text tower.
 */
export function readClip(path: string, options: { requireText?: boolean } = {}): Clip {
  return scope(() => clipFrom(clipNames(readModel(path)), path, options.requireText ?? false));
}

function clipFrom(tensors: Tensors, path: string, requireText: boolean): Clip {
  const shapes = Object.fromEntries(Object.entries(tensors).map(([name, { shape }]) => [name, shape]));
  try {
    const architecture = architectureOf(shapes);
    if (requireText && !architecture.text) {
      throw new ShapeError(
        'has no text tower; expected the whole of CLIP (a fine-tuned model needs CLIP beside it: --clip-path)',
      );
    }
    // In the order of the model, not of the file: parameter groups follow from it.
    return clipOf(architecture, pick(tensors, Object.keys(clipShapes(architecture))));
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    throw new UaferError('CHECKPOINT', `${path} is not a CLIP ViT that can be read: it ${cause.message}.`, { cause });
  }
}

/** The model in a file. */
export interface ModelFile {
  /** The vision tower by the names of the original's fine-tuned model (`conv1.weight`, ..., `projection_dist`). */
  vision: Tensors;
  /** The whole of CLIP, over the same tensors; null where the file has no text tower, which a fine-tuned model hasn't. */
  clip: Clip | null;
}

/**
 * The model in a file, read once: CLIP, or a vision tower, whose shapes are the caller's to check. Formats as for `readClip`. Throws
 * `CHECKPOINT`.
 */
export function readModelFile(path: string): ModelFile {
  return scope(() => {
    const tensors = clipNames(readModel(path));
    const own = Object.entries(tensors).filter(([name]) => name.startsWith(VISION_PREFIX));
    const vision = Object.fromEntries(own.map(([name, tensor]) => [fineTunedName(name), tensor]));
    return { vision, clip: 'token_embedding.weight' in tensors ? clipFrom(tensors, path, false) : null };
  });
}

function fineTunedName(clipName: string): string {
  const own = clipName.slice(VISION_PREFIX.length);
  return own === CLIP_PROJECTION ? FINE_TUNED_PROJECTION : own;
}

/** A model's tensors in fp32, without what was in front of their names, and without what are no weights. */
function readModel(path: string): Tensors {
  const all = readWeights(path);
  const prefix = modelPrefix(Object.keys(all), path);
  const model: Tensors = {};
  for (const [name, tensor] of Object.entries(all)) {
    if (!name.startsWith(prefix)) continue;
    const own = name.slice(prefix.length);
    if (!NO_WEIGHTS.test(own)) model[own] = inSinglePrecision(tensor, name, path);
  }
  return model;
}

/** What stands in front of the names of the only model of a file: `state_dict.`, `model.module.`, nothing. */
function modelPrefix(names: readonly string[], path: string): string {
  const prefixes = new Set<string>();
  for (const name of names) {
    const landmark = LANDMARKS.find((part) => name === part || name.endsWith(`.${part}`));
    if (landmark === undefined) continue;
    const prefix = name.slice(0, -landmark.length);
    prefixes.add(prefix.endsWith(VISION_PREFIX) ? prefix.slice(0, -VISION_PREFIX.length) : prefix);
  }
  const [first, ...others] = prefixes;
  if (first === undefined) throw noVit(names, path);
  if (others.length > 0) {
    const found = [...prefixes].map((prefix) => `"${prefix}"`).join(' and ');
    throw new UaferError('CHECKPOINT', `${path} holds several models, under ${found}: save the one that is meant alone.`);
  }
  return first;
}

function noVit(names: readonly string[], path: string): UaferError {
  const problem = names.some((name) => name.endsWith('visual.layer1.0.conv1.weight'))
    ? 'holds a CLIP ResNet; only its ViTs can be read, such as ViT-B-16.pt'
    : `holds no CLIP ViT: expected tensors such as "visual.class_embedding" (CLIP) or "class_embedding" (fine-tuned), found ${some(names)}`;
  return new UaferError('CHECKPOINT', `${path} ${problem}.`);
}

function some(names: readonly string[]): string {
  if (names.length === 0) return 'none at all';
  const shown = names.slice(0, 3).map((name) => `"${name}"`);
  return `${shown.join(', ')}${names.length > shown.length ? ', …' : ''}`;
}

function inSinglePrecision(tensor: Tensor, name: string, path: string): Tensor {
  if (tensor.dtype === 'float32') return tensor;
  if (!/float/.test(tensor.dtype)) {
    throw new UaferError('CHECKPOINT', `${path} has ${tensor.dtype} numbers in "${name}"; expected floating-point weights.`);
  }
  const single = ops.toDtype(tensor, 'float32');
  tensor.dispose(); // at once: the model would stand in memory twice
  return single;
}

/** A fine-tuned model's tensors by CLIP's names; CLIP's own as they are. */
function clipNames(tensors: Tensors): Tensors {
  if (![FINE_TUNED_PROJECTION, ...LANDMARKS].some((name) => name in tensors)) return tensors;
  const renamed = Object.entries(tensors).map(([name, tensor]) => {
    return [VISION_PREFIX + (name === FINE_TUNED_PROJECTION ? CLIP_PROJECTION : name), tensor] as const;
  });
  return Object.fromEntries(renamed);
}

function pick(tensors: Tensors, names: readonly string[]): Tensors {
  return Object.fromEntries(names.map((name) => [name, tensors[name] as Tensor]));
}
