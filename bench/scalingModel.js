/** How a training step by many GPUs is made up, from stated numbers: what `bench/scaling.js` prints as tables. Times are in seconds. */

/** ViT-B/16 of CLIP: parameters of a block, and of what stands behind the last one (norm and projection). */
const BLOCK = 12 * 768 ** 2 + 13 * 768;
const BLOCKS = 12;
const BEHIND = 2 * 768 + 768 * 512;

/** Trained parameters of the original's recipes: parameters with a layer id up to `fixLayer` are frozen, and block i has the id i + 1. */
export const trainedParameters = (fixLayer) => (BLOCKS - Math.max(0, fixLayer)) * BLOCK + BEHIND;

/**
 * One step of `size` GPUs, `batch` pictures on each.
 *
 * - Computing: `pictures / rate`.
 * - Gradients: a ring inside of each machine over `inside` bytes a second, and one between the machines over `between` (of each GPU), 4 bytes a
 *   parameter, 2 (n - 1) / n of them each way, and a `latency` for each of the 2 (n - 1) hops (Patarasuk and Yuan 2009).
 *   All but the first blocks' sums run while backward still computes: `hidden` of the computing hides them.
 * - Three small sums: the samples and losses of the step, and whether to stop.
 * - Input: pictures that one machine's cores decode, and that the file system gives all machines.
 */
export function stepOf(machine, { size, batch, parameters, bytesPerPicture }) {
  const { rate, perMachine, inside, between, latency, hidden, cores, decodedPerCore, fileSystem } = machine;
  const machines = Math.ceil(size / perMachine);
  const local = Math.min(size, perMachine);
  const computing = batch / rate;
  const bytes = 4 * parameters;
  const ring = (n, share, bandwidth) => (n === 1 ? 0 : ((2 * (n - 1)) / n) * (share / bandwidth) + 2 * (n - 1) * latency);
  const summing = ring(local, bytes, inside) + ring(machines, bytes / local, between);
  const exposed = Math.max(0, summing - hidden * computing);
  const agreeing = size === 1 ? 0 : 3 * 2 * (Math.ceil(Math.log2(size)) * latency);
  const step = computing + exposed + agreeing;
  const demand = (size * batch) / step;
  const supply = Math.min(machines * cores * decodedPerCore, fileSystem / bytesPerPicture);
  const limit = demand > supply ? 'input' : exposed > computing / 10 ? 'all-reduce' : 'computing';
  const pictures = Math.min(demand, supply);
  return { size, computing, summing, exposed, step, pictures, efficiency: pictures / (size * rate), supply, limit };
}

/** The largest number of GPUs, a power of 2, up to which neither all-reduce nor input is the limit. */
export function lastFree(machine, work, most = 2 ** 14) {
  let last = 0;
  for (let size = 1; size <= most; size *= 2) {
    const batch = work.whole === undefined ? work.batch : work.whole / size;
    if (batch < 1 || stepOf(machine, { ...work, size, batch }).limit !== 'computing') break;
    last = size;
  }
  return last;
}
