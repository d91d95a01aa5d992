import type { Tensor } from '../engine/index.js';
import type { ClipArchitecture } from './architecture.js';
import type { Weights } from './block.js';
import { VISION_PREFIX } from './shapes.js';
import type { TextTower } from './text.js';
import type { VisionTower } from './vision.js';

/** A CLIP model: its towers share the tensors of `state`. */
export interface Clip {
  architecture: ClipArchitecture;
  /** Every tensor by OpenAI's full name. */
  state: Weights;
  vision: VisionTower;
  /** Absent in a checkpoint of the vision tower alone. */
  text?: TextTower;
}

/** The towers over the tensors of `state`, which has OpenAI's names and the shapes of `architecture`. */
export function clipOf(architecture: ClipArchitecture, state: Weights): Clip {
  const vision: Record<string, Tensor> = {};
  const text: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(state)) {
    if (name.startsWith(VISION_PREFIX)) vision[name.slice(VISION_PREFIX.length)] = tensor;
    else text[name] = tensor;
  }
  const clip = { architecture, state, vision: { architecture: architecture.vision, weights: vision } };
  return architecture.text ? { ...clip, text: { architecture: architecture.text, weights: text } } : clip;
}
