/** A batch's pictures as a tensor: brought to the device, or made there of bytes. */
import type { Changes } from '../data/augment.js';
import type { Batch, PictureBytes } from '../data/types.js';
import { ops, scope, type Tensor, tensor } from '../engine/index.js';
import { type AffineMatrix, type FixedAffine, fixedAffine } from '../image/affine.js';

/** Whether a device makes the pictures of the bytes itself: a quarter of what goes over, and nothing for the processor to do. The processor's threads do it ahead of the step. */
export function makesPictures(device: string): boolean {
  return device !== 'cpu';
}

/** Images (B, 3, S, S) on the device, normalised: those of the batch, or made there of its bytes to the same values. */
export function picturesOf({ images, bytes, shape }: Pick<Batch, 'images' | 'bytes' | 'shape'>, device: string): Tensor {
  return bytes ? scope(() => changed(bytes, shape, device)) : tensor(images, shape, { device });
}

function changed(
  { pixels, changes, mean, deviation }: PictureBytes,
  [count, channels, size]: Batch['shape'],
  device: string,
): Tensor {
  const plain = tensor(pixels, [count, size * size, channels], { device });
  const moved = changes.every(staysInPlace) ? plain : movedPixels(plain, changes, size, device);
  const planes = ops.contiguous(ops.permute(ops.toDtype(moved, 'float32'), [0, 2, 1]));
  const normalised = normalize(ops.reshape(planes, [count, channels, size, size]), { mean, deviation }, device);
  if (changes.every(({ erased }) => erased === null)) return normalised;
  return ops.where(erasedParts(changes, size, device), 0, normalised);
}

const staysInPlace = ({ mirrored, affine }: Changes): boolean => !mirrored && affine === null;

const IN_PLACE: AffineMatrix = [1, 0, 0, 0, 1, 0];
/** Of `FixedAffine`. */
const FRACTION_BITS = 16;

/** Mirror and affine of (B, S S, 3) bytes, in whole numbers as `affineNearest` computes them. */
function movedPixels(pixels: Tensor, changes: readonly Changes[], size: number, device: string): Tensor {
  const column = (numberOf: (change: Changes) => number) => numbers(changes, numberOf, device);
  const fixed = new Map(changes.map((change) => [change, fixedAffine(change.affine ?? IN_PLACE)]));
  const place = (name: keyof FixedAffine) => column((change) => (fixed.get(change) as FixedAffine)[name]);
  const [xs, ys] = grid(size, device);
  const source = (axis: 'X' | 'Y') => {
    const along = ops.add(ops.mul(xs, place(`step${axis}`)), ops.mul(ys, place(`row${axis}`)));
    return ops.bitwiseRightShift(ops.add(along, place(`start${axis}`)), FRACTION_BITS);
  };
  const [x, y] = [source('X'), source('Y')];
  const within = (at: Tensor) => ops.logicalAnd(ops.ge(at, 0), ops.lt(at, size));
  const inside = ops.logicalAnd(within(x), within(y));
  // The affine follows the mirror, so that what it looks up lies mirrored.
  const mirrored = ops.gt(
    column((change) => Number(change.mirrored)),
    0,
  );
  const unmirrored = ops.where(mirrored, ops.sub(size - 1, x), x);
  const index = ops.where(inside, ops.add(ops.mul(y, size), unmirrored), 0);
  const rows = [changes.length, size * size, 1];
  const found = ops.gather(pixels, 1, ops.expand(ops.reshape(index, rows), pixels.shape));
  return ops.mul(found, ops.reshape(inside, rows));
}

/** In the steps of `src/image/preprocess.ts`; by tensors, since GPUs divide by a number as they multiply by its inverse, which rounds otherwise. */
function normalize(values: Tensor, { mean, deviation }: Pick<PictureBytes, 'mean' | 'deviation'>, device: string): Tensor {
  const channel = (numbers: readonly number[]) => tensor(numbers, [1, numbers.length, 1, 1], { device });
  const shares = ops.div(values, channel(mean.map(() => 255)));
  return ops.div(ops.sub(shares, channel(mean)), channel(deviation));
}

/** (B, 1, S, S): true within each picture's erased rectangle. */
function erasedParts(changes: readonly Changes[], size: number, device: string): Tensor {
  const [xs, ys] = grid(size, device);
  const column = (numberOf: (erased: NonNullable<Changes['erased']>) => number) =>
    numbers(changes, ({ erased }) => (erased ? numberOf(erased) : 0), device);
  const between = (at: Tensor, from: Tensor, to: Tensor) => ops.logicalAnd(ops.ge(at, from), ops.lt(at, to));
  const across = between(
    xs,
    column(({ left }) => left),
    column(({ left, width }) => left + width),
  );
  const down = between(
    ys,
    column(({ top }) => top),
    column(({ top, height }) => top + height),
  );
  return ops.unsqueeze(ops.logicalAnd(across, down), 1);
}

/** (B, 1, 1) int64. */
function numbers(changes: readonly Changes[], numberOf: (change: Changes) => number, device: string): Tensor {
  return tensor(
    BigInt64Array.from(changes, (change) => BigInt(numberOf(change))),
    [changes.length, 1, 1],
    { device },
  );
}

/** x as (1, 1, S) and y as (1, S, 1), int64. */
function grid(size: number, device: string): [x: Tensor, y: Tensor] {
  const places = ops.arange(0, size, { device });
  return [ops.reshape(places, [1, 1, size]), ops.reshape(places, [1, size, 1])];
}
