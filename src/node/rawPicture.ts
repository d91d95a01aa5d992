/** Pixels without a file: rows from the top, pixels from the left. */
export interface RawPicture {
  /** Not to be changed before the answer is there. */
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  /** 1 is grey, 3 red, green, blue, 4 these and an opacity, which is dropped. */
  channels: 1 | 3 | 4;
}
