/** A picture as RGB bytes, row by row: `data[(y * width + x) * 3 + channel]`. */
export interface Picture {
  data: Uint8Array;
  width: number;
  height: number;
}
