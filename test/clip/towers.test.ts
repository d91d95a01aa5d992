import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { unitLength } from '#uafer/clip/affinity.js';
import type { ClipArchitecture, Stem } from '#uafer/clip/architecture.js';
import { initializeClip } from '#uafer/clip/initialize.js';
import { readClip } from '#uafer/clip/readClip.js';
import { stemConvolutions, stemStride } from '#uafer/clip/stem.js';
import { encodeText, type TextTower } from '#uafer/clip/text.js';
import { createTokenizer } from '#uafer/clip/tokenizer.js';
import { type Clip, clipOf } from '#uafer/clip/towers.js';
import { embed, encodeCls, encodeImage, finalNorm, type ImageFeatures, throughBlocks } from '#uafer/clip/vision.js';
import { manualSeed, ops, scope, type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import { readSafetensors, writeSafetensors } from '#uafer/engine/safetensors.js';
import { fixture, jsonFixture } from '../support/fixtures.js';
import { expectClose } from '../support/numbers.js';
import { missingModules, runPython } from '../support/python.js';

const absolute = 1e-5;
const close = (actual: Tensor, expected: Tensor) => {
  expect(actual.shape).toEqual(expected.shape);
  expectClose(toArray(actual), toArray(expected), { absolute });
};

describe("the original's features", () => {
  let clip: Clip & { text: TextTower };
  let expected: Record<string, Tensor>;
  let features: ImageFeatures;
  const of = (name: string) => expected[name] as Tensor;

  beforeAll(() => {
    clip = readClip(fixture('tiny2h_clip.safetensors'), { requireText: true }) as typeof clip;
    expected = readSafetensors(fixture('tiny2h_io.safetensors')).tensors;
    features = encodeImage(clip.vision, of('images'));
  });

  it('of pictures: tokens after the last norm', () => {
    close(finalNorm(clip.vision, throughBlocks(clip.vision, embed(clip.vision, of('images')))), of('vis_ln_post'));
  });

  it('of pictures: class token and patches in the joint space, which are the teacher’s too', () => {
    close(features.cls, of('vis_cls_proj_raw'));
    close(features.cls, of('teacher_cls_raw'));
    close(features.patches, of('vis_patch_proj_raw'));
    close(features.patches, of('teacher_patch_raw'));
  });

  it('of pictures: the class token alone, from any block on', () => {
    const { layers } = clip.vision.architecture;
    for (let from = 0; from <= layers; from++) {
      const tokens = throughBlocks(clip.vision, embed(clip.vision, of('images')), { to: from });
      close(encodeCls(clip.vision, tokens, from), of('teacher_cls_raw'));
    }
  });

  it('of pictures, at unit length', () => {
    close(unitLength(features.cls, -1), of('cls_feat_norm'));
    close(unitLength(features.patches, -1), of('patch_feat_norm'));
  });

  it('of texts, raw and at unit length', () => {
    const text = encodeText(clip.text, of('tokens'));
    close(text, of('text_emb_raw'));
    close(unitLength(text, -1), of('text_emb_norm'));
  });

  it('of the label names, from their letters on', () => {
    const { labels } = jsonFixture<{ rafdb: { labels: string[] } }>('tokens.json').rafdb;
    const { ids, shape } = createTokenizer().tokenize(labels);
    close(encodeText(clip.text, tensor(ids, shape)), of('text_emb_raw'));
  });
});

const smallText = { width: 64, layers: 2, heads: 1, contextLength: 9, vocabularySize: 600 };
const small: ClipArchitecture = {
  vision: { width: 128, layers: 2, heads: 2, patchSize: 8, imageSize: 32 },
  text: smallText,
  embedDim: 24,
};
const plain = { kind: 'plain', channels: [6, 8, 12] } as const;
const separable = { kind: 'separable', channels: [4, 8, 8, 12] } as const;
const residual = { kind: 'residual', channels: [4, 6, 6, 8, 8, 8] } as const;
const withStem = (stem: Stem, imageSize: number): ClipArchitecture => ({
  ...small,
  vision: { ...small.vision, patchSize: stemStride(stem), imageSize, stem },
});

/** Weights that are not what an initialisation gives, so that a gain or a bias in the wrong place shows. */
function perturbed(architecture: ClipArchitecture): Record<string, Tensor> {
  return scope(() => {
    const weights = Object.entries(initializeClip(architecture, 1));
    const shifted = (weight: Tensor) => ops.add(weight, ops.mul(ops.sub(ops.rand(weight.shape), 0.5), 0.2));
    return Object.fromEntries(weights.map(([name, weight]) => [name, shifted(weight)]));
  });
}

describe('towers', () => {
  const clip = () => clipOf(small, initializeClip(small, 0)) as Clip & { text: TextTower };

  it('read a text at its end: what follows the end id changes nothing', () => {
    const { text } = clip();
    const ids = (after: number) => tensor(BigInt64Array.from([598, 5, 599, ...Array(6).fill(after)], BigInt), [1, 9]);
    expect(toArray(encodeText(text, ids(0)))).toEqual(toArray(encodeText(text, ids(7))));
  });

  it('give a picture the same features alone and in a batch', () => {
    const { vision } = clip();
    const images = ops.randn([3, 3, 32, 32]);
    const { cls, patches } = encodeImage(vision, images);
    const alone = encodeImage(vision, ops.slice(images, 0, 1, 2));
    close(ops.slice(cls, 0, 1, 2), alone.cls);
    close(ops.slice(patches, 0, 1, 2), alone.patches);
  });

  it('can be run in parts of blocks', () => {
    const { vision } = clip();
    const tokens = embed(vision, ops.randn([1, 3, 32, 32]));
    const inParts = throughBlocks(vision, throughBlocks(vision, tokens, { to: 1 }), { from: 1 });
    expect(toArray(inParts)).toEqual(toArray(throughBlocks(vision, tokens)));
  });
});

const missing = missingModules('torch', 'safetensors');
describe.skipIf(missing)(missing ?? 'plain PyTorch', () => {
  const folder = mkdtempSync(join(tmpdir(), 'uafer-towers-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    ['patches cut by one convolution', small],
    ['a convolutional stem', withStem(plain, 16)],
    ['a separable stem', withStem(separable, 32)],
    ['a residual stem', withStem(residual, 16)],
  ])('gives the same features with %s', (_, architecture) => {
    const [checkpoint, inputs, outputs] = ['clip', 'inputs', 'outputs'].map((name) => join(folder, `${name}.safetensors`)) as [
      string,
      string,
      string,
    ];
    const { imageSize, stem } = architecture.vision;
    manualSeed(2);
    const images = ops.randn([3, 3, imageSize, imageSize]);
    const ids = ops.randint(0, smallText.vocabularySize, [4, smallText.contextLength]);
    writeSafetensors(checkpoint, perturbed(architecture));
    writeSafetensors(inputs, { images, ids });
    runPython({ file: 'tower_features.py' }, checkpoint, inputs, outputs);
    const expected = readSafetensors(outputs).tensors as Record<'image' | 'trained' | 'text', Tensor>;

    const clip = readClip(checkpoint) as Clip & { text: TextTower };
    const all = ({ cls, patches }: ImageFeatures) => ops.cat([ops.unsqueeze(cls, 1), patches], 1);
    close(all(encodeImage(clip.vision, images)), expected.image);
    close(encodeText(clip.text, ids), expected.text);
    close(all(encodeImage(clip.vision, images, { stem: { training: true } })), expected.trained);
    const running = Object.entries(expected).filter(([name]) => name.includes('running'));
    expect(running).toHaveLength(2 * (stem ? stemConvolutions(stem).length : 0));
    for (const [name, statistics] of running) close(clip.state[name] as Tensor, statistics);
  });
});
