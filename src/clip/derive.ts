import { type ClipArchitecture, headsOf, type Stem, type TextArchitecture, type VisionArchitecture } from './architecture.js';
import { clipShapes, type Shapes } from './shapes.js';
import { stemStride } from './stem.js';

/** A tensor that is missing, unknown or of the wrong shape; the message names it, what was found and what was expected. */
export class ShapeError extends Error {}

/**
 * The architecture that the shapes of a CLIP model's tensors tell, by OpenAI's full names; every tensor is held to it. Throws
 * `ShapeError`.
 */
export function architectureOf(shapes: Shapes): ClipArchitecture {
  const hasText = 'token_embedding.weight' in shapes || 'text_projection' in shapes;
  const [, embedDim] = sized(shapes, 'visual.proj', ['width', 'joint width']) as [number, number];
  const vision = visionOf(shapes);
  const architecture = hasText ? { vision, text: textOf(shapes), embedDim } : { vision, embedDim };
  holdTo(clipShapes(architecture), shapes);
  return architecture;
}

function visionOf(shapes: Shapes): VisionArchitecture {
  const [tokens, width] = sized(shapes, 'visual.positional_embedding', ['1 + patches', 'width']) as [number, number];
  const grid = Math.sqrt(tokens - 1);
  if (!Number.isInteger(grid) || grid < 1) {
    throw new ShapeError(`has ${tokens} rows in "visual.positional_embedding"; expected 1 + a square number (of patches)`);
  }
  const input = inputOf(shapes);
  const layers = countLayers(shapes, 'visual.transformer');
  return { width, layers, heads: headsIn('visual.positional_embedding', width), imageSize: grid * input.patchSize, ...input };
}

/** Patch size, and the stem where there is one. */
function inputOf(shapes: Shapes): Pick<VisionArchitecture, 'patchSize' | 'stem'> {
  if ('visual.stem.conv1.weight' in shapes) {
    const stem = stemOf(shapes);
    return { patchSize: stemStride(stem), stem };
  }
  const [, , patchSize] = sized(shapes, 'visual.conv1.weight', ['width', '3', 'patch', 'patch']) as number[];
  return { patchSize: patchSize as number };
}

/**
 * Convolutions by their numbers. Where the second has a kernel for each channel of the first, they are MobileNet's; 2 x 2 kernels are those of a
 * residual stem alone.
 */
function stemOf(shapes: Shapes): Stem {
  const kernels: number[][] = [];
  for (let i = 1; `visual.stem.conv${i}.weight` in shapes; i++) {
    kernels.push([...sized(shapes, `visual.stem.conv${i}.weight`, ['channels', 'inputs', 'side', 'side'])]);
  }
  const outputs = kernels.map(([channels]) => channels as number);
  const [first, second] = kernels;
  if (kernels.some(([, , side]) => side === 2)) return { kind: 'residual', channels: residualChannels(kernels) };
  const separable = first?.[0] !== 1 && second?.[0] === first?.[0] && second?.[1] === 1;
  if (!separable) return { kind: 'plain', channels: outputs };
  // After the first convolution every layer is two, of which the second widens.
  if (kernels.length % 2 === 0) {
    throw misfit(`visual.stem.conv${kernels.length + 1}.weight`, undefined, ['channels', outputs.at(-1) as number, 1, 1]);
  }
  return { kind: 'separable', channels: outputs.filter((_, i) => i % 2 === 0) };
}

/** The first convolution is a layer, and so are each one of 2 x 2 and each pair of 3 x 3. */
function residualChannels(kernels: readonly number[][]): number[] {
  const channels: number[] = [];
  for (let i = 0; i < kernels.length; i++) {
    const [outputs, , side] = kernels[i] as [number, number, number];
    channels.push(outputs);
    if (i === 0 || side === 2) continue;
    i++;
    if (!kernels[i]) throw misfit(`visual.stem.conv${i + 1}.weight`, undefined, [outputs, outputs, 3, 3]);
  }
  return channels;
}

function textOf(shapes: Shapes): TextArchitecture {
  const [vocabularySize, width] = sized(shapes, 'token_embedding.weight', ['vocabulary', 'width']) as [number, number];
  const [contextLength] = sized(shapes, 'positional_embedding', ['context length', 'width']) as [number, number];
  const heads = headsIn('token_embedding.weight', width);
  return { width, layers: countLayers(shapes, 'transformer'), heads, contextLength, vocabularySize };
}

/** Heads of a tower whose width the tensor of this name tells. */
function headsIn(name: string, width: number): number {
  const heads = headsOf(width);
  if (width % heads === 0) return heads;
  throw new ShapeError(`has the width ${width} in "${name}"; expected a multiple of 64, the width of a head`);
}

/** Blocks by their numbers; a gap between them shows as a missing tensor. */
function countLayers(shapes: Shapes, transformer: string): number {
  const prefix = `${transformer}.resblocks.`;
  const blocks = Object.keys(shapes).filter((name) => name.startsWith(prefix));
  return new Set(blocks.map((name) => name.slice(prefix.length).split('.')[0])).size;
}

/** The sides of a tensor that must have as many as `sides` names. */
function sized(shapes: Shapes, name: string, sides: readonly string[]): readonly number[] {
  const shape = shapes[name];
  if (shape?.length === sides.length) return shape;
  throw misfit(name, shape, sides);
}

function holdTo(expected: Shapes, found: Shapes): void {
  for (const [name, shape] of Object.entries(expected)) {
    if (found[name]?.join() !== shape.join()) throw misfit(name, found[name], shape);
  }
  const unknown = Object.keys(found).find((name) => !(name in expected));
  if (unknown !== undefined) throw new ShapeError(`holds "${unknown}", which a CLIP ViT of its size doesn't have`);
}

function misfit(name: string, found: readonly number[] | undefined, expected: readonly (number | string)[]): ShapeError {
  const shape = expected.join(', ');
  if (!found) return new ShapeError(`lacks "${name}" of the shape [${shape}]`);
  return new ShapeError(`has the shape [${found.join(', ')}] in "${name}"; expected [${shape}]`);
}
