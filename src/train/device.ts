import { deviceAvailable } from '../engine/index.js';
import { UaferError } from '../errors.js';

/**
 * The device that `--device` means on this machine: `auto` is CUDA where there is one, else the CPU. Throws `USAGE` when the
 * device that was named cannot be used.
 */
export function chooseDevice(wanted: string): string {
  if (wanted === 'auto') return deviceAvailable('cuda') ? 'cuda' : 'cpu';
  const kind = wanted.split(':')[0] as string;
  if (deviceAvailable(kind)) return wanted;
  throw new UaferError(
    'USAGE',
    `--device ${wanted}: libtorch finds no ${kind} device here. Use --device cpu, or see \`uafer doctor\`.`,
  );
}
