import type { TrainConfig } from '../config/schema.js';
import { deviceAvailable, manualSeed, setTf32, setThreads } from '../engine/index.js';
import { UaferError } from '../errors.js';
import { choosePrecision } from './precision.js';

/**
 * Brings libtorch to where a configuration wants it in this thread: threads an operator, and random generators at the seed. Returns the
 * configuration with the device and the precision that `auto` means here. Throws `USAGE` when the device that was named cannot be used, or lacks the
 * precision.
 */
export function prepareEngine(config: TrainConfig): TrainConfig {
  const device = chooseDevice(config.device);
  if (config.threads > 0) setThreads(config.threads);
  manualSeed(config.seed);
  const precision = choosePrecision({ ...config, device });
  if (precision === 'tf32' && !device.startsWith('cuda'))
    throw new UaferError(
      'USAGE',
      `--precision tf32 is for GPUs of NVIDIA's, and the device is ${device}. Use fp32, bf16 or auto.`,
    );
  setTf32(precision === 'tf32');
  return { ...config, device, precision };
}

function chooseDevice(wanted: string): string {
  if (wanted === 'auto') return deviceAvailable('cuda') ? 'cuda' : 'cpu';
  const kind = wanted.split(':')[0] as string;
  if (deviceAvailable(kind)) return wanted;
  throw new UaferError(
    'USAGE',
    `--device ${wanted}: libtorch finds no ${kind} device here. Use --device cpu, or see \`uafer doctor\`.`,
  );
}
