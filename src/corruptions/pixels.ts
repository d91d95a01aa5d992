import type { Picture } from '../image/picture.js';

export const CHANNELS = 3;

/** What a corruption is measured by: the shorter side, in pixels, for an aligned face fills its picture. */
export function faceSide({ width, height }: Picture): number {
  return Math.min(width, height);
}

/** A picture of this size from values that are rounded and held within bytes. */
export function pictureOf(values: ArrayLike<number>, { width, height }: Pick<Picture, 'width' | 'height'>): Picture {
  const data = Uint8Array.from({ length: width * height * CHANNELS }, (_, i) => toByte(values[i] as number));
  return { data, width, height };
}

/** A picture with each byte changed by its value and channel. */
export function mapped({ data, width, height }: Picture, change: (value: number, channel: number) => number): Picture {
  // There are 256 values a channel: each is worked out once.
  const tables = Array.from({ length: CHANNELS }, (_, channel) =>
    Uint8Array.from({ length: 256 }, (_, value) => toByte(change(value, channel))),
  );
  const changed = data.slice();
  for (let i = 0; i < changed.length; i++) changed[i] = (tables[i % CHANNELS] as Uint8Array)[changed[i] as number] as number;
  return { data: changed, width, height };
}

const toByte = (value: number): number => Math.round(Math.max(0, Math.min(255, value)));

/** Which of a row of cells a pixel lies over. */
export interface Coverage {
  /** The first of them. */
  first: number;
  /** Share of the pixel over this cell and those that follow; together 1. */
  shares: readonly number[];
}

/** How each of `count` pixels lies over `cells` cells of equal size, as long together as the pixels. */
export function coverage(count: number, cells: number): Coverage[] {
  const scale = cells / count;
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i * scale, (i + 1) * scale];
    const first = Math.min(cells - 1, Math.floor(from));
    const end = Math.max(first + 1, Math.min(cells, Math.ceil(to)));
    const share = (cell: number) => (Math.min(to, cell + 1) - Math.max(from, cell)) / scale;
    return { first, shares: Array.from({ length: end - first }, (_, k) => share(first + k)) };
  });
}
