/** `model.json`: what stands beside an exported network, and all that a prediction needs to know of it. */
import { z } from 'zod';
import { calibrationSchema } from '../calibration/calibration.js';
import { UaferError } from '../errors.js';

/** Version of the form of `model.json` and of the network's inputs and outputs. */
export const MODEL_VERSION = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in hexadecimal');
const rgb = z.tuple([z.number(), z.number(), z.number()]);
const fileName = z.string().regex(/^[\w.-]+$/, 'a file name without folders');

const networkSchema = z.object({
  /**
   * Takes `pixels` (N, S, S, 3): bytes, red, green, blue; gives `logits`, `probabilities`, `affinities`, `feature`, `evidence`, and the means of the
   * layers that the calibration's density looks at (`layerOutput`).
   */
  file: fileName,
  bytes: z.int().positive(),
  sha256,
  /** Tensors that didn't fit into the file. */
  data: z.object({ file: fileName, bytes: z.int().positive(), sha256 }).optional(),
  precision: z.enum(['fp32', 'fp16', 'int8']),
  opset: z.int().positive(),
});

const preprocessingSchema = z.object({
  /** Side S of the pictures, in pixels. */
  imageSize: z.int().positive(),
  /** How a picture is brought to that size. */
  resize: z.enum(['shorter-bicubic', 'square-bilinear']),
  /** Grey is made by the network itself, of the luma. */
  colour: z.enum(['rgb', 'grey']),
  /** Of red, green and blue in 0..1: the network itself takes off the mean and divides by the deviation. */
  mean: rgb,
  deviation: rgb,
});

const answerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('softmax') }),
  /** Evidence of a Dirichlet distribution with alpha = evidence + 1. */
  z.object({ kind: z.literal('evidence'), evidence: z.enum(['relu', 'exp', 'softplus']) }),
]);

export const modelSchema = z.object({
  format: z.literal('uafer-model'),
  version: z.literal(MODEL_VERSION),
  name: z.string().min(1),
  /** In the order of the outputs. */
  classes: z.array(z.string().min(1)).min(2),
  network: networkSchema,
  preprocessing: preprocessingSchema,
  /** Rows and columns of the patches of `affinities`. */
  patches: z.object({ rows: z.int().positive(), columns: z.int().positive(), topk: z.int().positive() }),
  answer: answerSchema,
  /** What was fitted on validation pictures: the network's own outputs are without it. */
  calibration: calibrationSchema.optional(),
  /** Figures of the checkpoint that was exported, where its run has them. */
  metrics: z.record(z.string(), z.unknown()).optional(),
  /** Where it comes from. */
  source: z.object({ checkpoint: z.string(), recipe: z.string(), dataset: z.string() }),
  licence: z.string(),
});

/** `model.json` of an exported model. */
export type ModelFile = z.infer<typeof modelSchema>;

/** The network's output of a layer's means, (N, W). */
export const layerOutput = (layer: string) => `layer.${layer}`;

/** Reads `model.json`. Throws `DATA` naming file and key. */
export function parseModelFile(text: string, where: string): ModelFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UaferError('DATA', `${where} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const format = (value as { format?: unknown; version?: unknown } | null)?.format;
  if (format !== 'uafer-model')
    throw new UaferError(
      'DATA',
      `${where} is not of an exported model: expected "format": "uafer-model" (see \`uafer export\`)`,
    );
  const { version } = value as { version?: unknown };
  if (version !== MODEL_VERSION) {
    throw new UaferError(
      'DATA',
      `${where} is of version ${version}, and this uafer reads version ${MODEL_VERSION}: export the model again, or install the uafer that made it`,
    );
  }
  const parsed = modelSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UaferError('DATA', `${where} is damaged:\n${z.prettifyError(parsed.error)}`);
}
