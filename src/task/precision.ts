import type { TrainConfig } from '../config/schema.js';
import { processorHasBfloat16 } from '../engine/bfloat16.js';
import { autocast } from '../engine/index.js';

type Where = Pick<TrainConfig, 'precision' | 'device'>;

/**
 * What `auto` means here: bf16 on a GPU of NVIDIA's and where the processor has instructions for it.
 *
 * @param hasBfloat16 whether the processor has instructions for it; asked when left out
 */
export function choosePrecision(
  { precision, device }: Where,
  hasBfloat16 = processorHasBfloat16(),
): Exclude<Where['precision'], 'auto'> {
  if (precision !== 'auto') return precision;
  return device.startsWith('cuda') || (device === 'cpu' && hasBfloat16 === true) ? 'bf16' : 'fp32';
}

/** Runs `block` in the run's precision: `bf16` autocasts products and convolutions. `prepareEngine` has said what `auto` is. */
export function inPrecision<T>(options: Where, block: () => T): T {
  if (options.precision !== 'bf16') return block();
  return autocast({ device: options.device, dtype: 'bfloat16' }, block);
}

/**
 * What is to be known of a precision on this machine, in a sentence; null when nothing is. The factor was measured with this program on
 * processors with AVX2, and again with AVX2 alone on one that has more (28.6 pictures a second where fp32 made 254).
 *
 * @param hasBfloat16 whether the processor has instructions for it; asked when left out
 */
export function precisionNote({ precision, device }: Where, hasBfloat16 = processorHasBfloat16()): string | null {
  if (precision !== 'bf16' || device !== 'cpu' || hasBfloat16 !== false) return null;
  return (
    '--precision bf16: this processor has no instructions for bf16 (AVX512-BF16, AMX), so that a step takes 9 to 13 times as long as with ' +
    '--precision fp32.'
  );
}
