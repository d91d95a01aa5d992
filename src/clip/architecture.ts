/** What a checkpoint's shapes say about its towers. */
export interface ClipArchitecture {
  vision: VisionArchitecture;
  /** Absent in a checkpoint of the vision tower alone. */
  text?: TextArchitecture;
  /** D: width of the space that images and texts share. */
  embedDim: number;
}

export interface VisionArchitecture {
  width: number;
  layers: number;
  /** width / 64, as in every CLIP ViT. */
  heads: number;
  patchSize: number;
  /** Side of the square input, in pixels. */
  imageSize: number;
  /** What stands in place of `conv1`. */
  stem?: Stem;
}

/** A stem of convolutions; `stem.ts` says what they are. */
export interface Stem {
  kind: 'plain' | 'separable' | 'residual';
  /** Output channels of each layer. */
  channels: readonly number[];
}

export interface TextArchitecture {
  width: number;
  layers: number;
  heads: number;
  contextLength: number;
  vocabularySize: number;
}

const HEAD_WIDTH = 64;

/** Attention heads of a tower of this width. */
export function headsOf(width: number): number {
  return Math.max(1, Math.floor(width / HEAD_WIDTH));
}
