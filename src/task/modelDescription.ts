/** What belongs to a model beside its weights: its classes, and how its pictures are made. It stands in the metadata of the weights' file. */
import { z } from 'zod';
import { isSafetensors, readSafetensorsHeader } from '../engine/safetensors.js';
import { UaferError } from '../errors.js';
import type { Preprocessing } from '../image/preprocess.js';

export interface ModelDescription {
  /** In the order of the logits; a backbone has none of its own. */
  classes?: readonly string[] | undefined;
  preprocessing: Preprocessing;
}

const KEY = 'uafer';

const rgb = z.tuple([z.number(), z.number(), z.number()]);
const schema = z.object({
  classes: z.array(z.string()).min(2).optional(),
  preprocessing: z.object({
    imageSize: z.int().positive(),
    resize: z.enum(['shorter-bicubic', 'square-bilinear']),
    colour: z.enum(['rgb', 'grey']).default('rgb'),
    mean: rgb,
    deviation: rgb,
  }),
});

/** The description as metadata of a safetensors file. */
export function descriptionMetadata({ classes, preprocessing }: ModelDescription): Record<string, string> {
  return { [KEY]: JSON.stringify({ classes, preprocessing }) };
}

/**
 * The description in a file of weights; null where there is none (uafer 0.1.0, PyTorch, CLIP). Throws `CHECKPOINT` naming the file when it
 * cannot be understood.
 */
export function readDescription(path: string): ModelDescription | null {
  const text = isSafetensors(path) ? readSafetensorsHeader(path).metadata[KEY] : undefined;
  if (text === undefined) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new UaferError('CHECKPOINT', `${path}: what its metadata say of the model cannot be understood: ${reason}`, {
      cause,
    });
  }
}
