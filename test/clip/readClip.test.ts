import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { ClipArchitecture } from '#uafer/clip/architecture.js';
import { initializeClip } from '#uafer/clip/initialize.js';
import { readClip, readModelFile } from '#uafer/clip/readClip.js';
import { ops, type Tensor, toArray } from '#uafer/engine/index.js';
import { readSafetensors, writeSafetensors } from '#uafer/engine/safetensors.js';

// Files of test/support/make_checkpoints.py: one tiny CLIP, and one fine-tuned vision tower, in several formats.
const file = (name: string) => fileURLToPath(new URL(`../fixtures/checkpoints/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'uafer-clip-'));
afterAll(() => rmSync(folder, { recursive: true }));

const tiny: ClipArchitecture = {
  vision: { width: 8, layers: 1, heads: 1, imageSize: 8, patchSize: 4 },
  text: { width: 8, layers: 1, heads: 1, contextLength: 6, vocabularySize: 20 },
  embedDim: 4,
};

const withStem: ClipArchitecture = {
  vision: { width: 128, layers: 2, heads: 2, patchSize: 4, imageSize: 16, stem: { kind: 'plain', channels: [4, 6, 8] } },
  text: { width: 64, layers: 1, heads: 1, contextLength: 7, vocabularySize: 520 },
  embedDim: 16,
};

describe('readClip', () => {
  it.each(['torchscript.pt', 'nested.pth', 'clip.safetensors'])(
    'reads %s: the same weights in fp32, and no sizes beside them',
    (name) => {
      const clip = readClip(file(name), { requireText: true });
      expect(clip.architecture).toEqual(tiny);
      const stored = readSafetensors(file('clip.safetensors')).tensors;
      const weights = Object.keys(stored).filter((key) => !['input_resolution', 'context_length', 'vocab_size'].includes(key));
      expect(Object.keys(clip.state).sort()).toEqual(weights.sort());
      for (const key of weights) {
        expect((clip.state[key] as Tensor).dtype, key).toBe('float32');
        expect(toArray(clip.state[key] as Tensor), key).toEqual(toArray(ops.toDtype(stored[key] as Tensor, 'float32')));
      }
      expect(Object.values(clip.state).every((tensor) => !tensor.requiresGrad)).toBe(true);
    },
  );

  it.each(['fine_tuned.pth', 'fine_tuned.safetensors'])('reads the vision tower of %s by CLIP’s names', (name) => {
    const clip = readClip(file(name));
    expect(clip.architecture).toEqual({ vision: tiny.vision, embedDim: tiny.embedDim });
    expect(clip.text).toBeUndefined();
    const stored = readSafetensors(file('fine_tuned.safetensors')).tensors;
    expect(toArray(clip.vision.weights.proj as Tensor)).toEqual(toArray(stored.projection_dist as Tensor));
    expect(() => readClip(file(name), { requireText: true })).toThrow(/has no text tower.*--clip-path/);
  });

  it('derives a convolutional stem, heads and sizes from the shapes alone', () => {
    const path = saved(initializeClip(withStem, 0));
    expect(readClip(path).architecture).toEqual(withStem);
  });

  it('reads the towers that OpenAI published, by their shapes', () => {
    // Widths and layers divided by 64 and 6, to be quick; ViT-L/14@336px keeps its proportions of patch and grid.
    const large: ClipArchitecture = {
      vision: { width: 64, layers: 2, heads: 1, imageSize: 336, patchSize: 14 },
      text: { width: 64, layers: 2, heads: 1, contextLength: 77, vocabularySize: 600 },
      embedDim: 12,
    };
    expect(readClip(saved(initializeClip(large, 0))).architecture).toEqual(large);
  });

  const whole = initializeClip(withStem, 0);
  const without = (name: string) => Object.fromEntries(Object.entries(whole).filter(([key]) => key !== name));

  it.each([
    ['visual.proj', /lacks "visual\.proj" of the shape \[width, joint width\]/],
    ['visual.class_embedding', /lacks "visual\.class_embedding" of the shape \[128\]/],
    ['visual.stem.bn2.running_var', /lacks "visual\.stem\.bn2\.running_var" of the shape \[6\]/],
    [
      'visual.transformer.resblocks.0.attn.in_proj_bias',
      /lacks "visual\.transformer\.resblocks\.0\.attn\.in_proj_bias" of the shape \[384\]/,
    ],
    ['token_embedding.weight', /lacks "token_embedding\.weight" of the shape \[vocabulary, width\]/],
    ['logit_scale', /lacks "logit_scale" of the shape \[\]/],
  ])('names the tensor %s when it is missing', (name, message) => {
    const path = saved(without(name));
    expect(() => readClip(path)).toThrow(message);
    expect(() => readClip(path)).toThrow(path);
  });

  it.each([
    ['visual.ln_post.weight', [12], /has the shape \[12\] in "visual\.ln_post\.weight"; expected \[128\]/],
    ['visual.positional_embedding', [16, 128], /has 16 rows in "visual\.positional_embedding"; expected 1 \+ a square number/],
    [
      'visual.stem.conv2.weight',
      [6, 4, 5, 5],
      /has the shape \[6, 4, 5, 5\] in "visual\.stem\.conv2\.weight"; expected \[6, 4, 3, 3\]/,
    ],
    ['text_projection', [64, 17], /has the shape \[64, 17\] in "text_projection"; expected \[64, 16\]/],
    ['visual.proj', [128], /has the shape \[128\] in "visual\.proj"; expected \[width, joint width\]/],
  ])('names the tensor %s when its shape is wrong', (name, shape, message) => {
    expect(() => readClip(saved({ ...whole, [name]: ops.zeros(shape) }))).toThrow(message);
  });

  it('names the tensor that tells a width without whole heads, and one that holds no floating-point numbers', () => {
    const odd = { ...withStem, vision: { ...withStem.vision, width: 200, heads: 3 } };
    expect(() => readClip(saved(initializeClip(odd, 0)))).toThrow(
      /has the width 200 in "visual\.positional_embedding"; expected a multiple of 64/,
    );
    const quantised = { ...whole, 'visual.proj': ops.zeros([128, 16], { dtype: 'int8' }) };
    expect(() => readClip(saved(quantised))).toThrow(/has int8 numbers in "visual\.proj"; expected floating-point/);
  });

  it('passes over sizes and counters, and takes doubles', () => {
    const beside = { context_length: ops.ones([]), 'visual.stem.bn1.num_batches_tracked': ops.ones([], { dtype: 'int64' }) };
    const doubled = { ...whole, ...beside, 'visual.proj': ops.toDtype(whole['visual.proj'] as Tensor, 'float64') };
    const { state } = readClip(saved(doubled));
    expect(Object.keys(state).sort()).toEqual(Object.keys(whole).sort());
    expect(state['visual.proj']?.dtype).toBe('float32');
  });

  it('names a block that is missing, whatever the numbers of the others', () => {
    const renumbered = Object.entries(whole).map(
      ([name, tensor]) =>
        [name.replace('visual.transformer.resblocks.1.', 'visual.transformer.resblocks.999999999.'), tensor] as const,
    );
    expect(() => readClip(saved(Object.fromEntries(renumbered)))).toThrow(/lacks "visual\.transformer\.resblocks\.1\./);
  });

  it('names a tensor that a ViT does not have', () => {
    const path = saved({ ...whole, 'visual.attnpool.c_proj.weight': ops.zeros([2, 2]) });
    expect(() => readClip(path)).toThrow(/holds "visual\.attnpool\.c_proj\.weight", which a CLIP ViT of its size doesn't have/);
  });

  it('names what a fine-tuned model lacks', () => {
    const { projection_dist: _, ...rest } = readSafetensors(file('fine_tuned.safetensors')).tensors;
    expect(() => readClip(saved(rest))).toThrow(/lacks "visual\.proj"/);
  });

  it('says of an archive that is cut or damaged that it is', () => {
    const whole = readFileSync(file('torchscript.pt'));
    const damaged = Buffer.from(whole);
    damaged.write('damage', damaged.indexOf('__torch__.py') + 60);
    const [cutFile, damagedFile] = [join(folder, 'cut.pt'), join(folder, 'damaged.pt')];
    writeFileSync(cutFile, whole.subarray(0, whole.length / 2));
    writeFileSync(damagedFile, damaged);
    expect(() => readClip(cutFile)).toThrow(/cut\.pt is not a whole archive of PyTorch: its end is missing/);
    expect(() => readClip(damagedFile)).toThrow(/damaged\.pt is a damaged TorchScript archive/);
  });

  it('says what was expected of a file that holds something else', () => {
    const resNet = saved({ 'visual.layer1.0.conv1.weight': ops.ones([1]), positional_embedding: ops.ones([1]) });
    expect(() => readClip(resNet)).toThrow(/holds a CLIP ResNet; only its ViTs can be read/);
    const cases: [string, RegExp][] = [
      [file('odd.pth'), /holds no CLIP ViT: expected tensors such as "visual\.class_embedding".*found "inner\.transposed"/],
      [file('two_models.pth'), /holds several models, under "model\." and "ema\."/],
      [file('before_1.6.pth'), /older PyTorch must be loaded and saved again/],
      [file('module.pth'), /state_dict/],
      [written('a sentence'), /neither safetensors nor an archive/],
      [written(''), /neither safetensors nor an archive/],
      [join(folder, 'none.pt'), /none\.pt/],
    ];
    for (const [path, message] of cases) expect(() => readClip(path), path).toThrow(message);
  });
});

describe('readModelFile', () => {
  it('gives CLIP and fine-tuned towers the same names, those of the original', () => {
    const names = Object.keys(readSafetensors(file('fine_tuned.safetensors')).tensors).sort();
    for (const name of ['torchscript.pt', 'nested.pth', 'clip.safetensors', 'fine_tuned.pth', 'fine_tuned.safetensors']) {
      expect(Object.keys(readModelFile(file(name)).vision).sort(), name).toEqual(names);
    }
    expect(names).toContain('projection_dist');
  });

  it('reads the numbers of a fine-tuned model', () => {
    const stored = readSafetensors(file('fine_tuned.safetensors')).tensors;
    for (const [name, tensor] of Object.entries(readModelFile(file('fine_tuned.pth')).vision)) {
      expect(toArray(tensor), name).toEqual(toArray(stored[name] as Tensor));
    }
  });
});

function saved(tensors: Record<string, Tensor>): string {
  const path = join(folder, 'model.safetensors');
  writeSafetensors(path, tensors);
  return path;
}

function written(text: string): string {
  const path = join(folder, `text-${text.length}.pt`);
  writeFileSync(path, text);
  return path;
}
