/** Exports of every kind of model beside libtorch's network, and held to the standard by the `onnx` package. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClipArchitecture } from '#uafer/clip/architecture.js';
import { initializeClip } from '#uafer/clip/initialize.js';
import { resolveConfig } from '#uafer/config/resolve.js';
import type { PretrainConfig } from '#uafer/config/schema.js';
import { ops, scope, tensor, writeSafetensors } from '#uafer/engine/index.js';
import { type Exported, type ExportPrecision, exportModel } from '#uafer/export/exportModel.js';
import { loadNetwork } from '#uafer/onnx/network.js';
import { packagePath } from '#uafer/paths.js';
import { parseModelFile } from '#uafer/predict/modelFile.js';
import { pretrainArchitecture } from '#uafer/pretrain/pretrainTask.js';
import { loadOnnxRuntime } from '#uafer/runtime/onnxRuntime.js';
import { fixture } from '../support/fixtures.js';
import { temporaryFolder, testPixels } from '../support/pictures.js';
import { missingModules, runPython } from '../support/python.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const small = packagePath('models', 'uafer-clip-small.safetensors');
const FACES = packagePath('examples', 'faces');
let exports = 0;

/** Weights of a recipe of pre-training by chance, with statistics of normalisation that are not what they begin with. */
function drawn(recipe: string): string {
  const path = join(folder.path, `${recipe}.safetensors`);
  const { pretrain, seed } = resolveConfig({ recipe, options: { dataPath: FACES } });
  scope(() => {
    const weights = Object.entries(initializeClip(pretrainArchitecture(pretrain as PretrainConfig), seed));
    const moved = weights.map(([name, weight]) => {
      const statistic = /\.stem\.bn\d+\./.test(name);
      return [name, statistic ? ops.add(weight, ops.mul(ops.rand(weight.shape), 0.5)) : weight] as const;
    });
    writeSafetensors(path, Object.fromEntries(moved));
  });
  return path;
}

/** Exports CLIP weights with settings, checked on the example faces. */
function exported(
  checkpoint: string,
  settings: Record<string, unknown> = {},
  {
    precision = 'fp32',
    recipe = 'released',
    ...options
  }: Partial<Parameters<typeof exportModel>[0]> & { recipe?: string } = {},
): Promise<Exported> {
  const config = resolveConfig({
    recipe,
    options: { dataset: 'rafdb', dataPath: FACES, clipPath: checkpoint, device: 'cpu', ...settings },
  });
  return exportModel({ checkpoint, config, to: join(folder.path, `export${exports++}`), precision, ...options });
}

const made: string[] = [];

async function expectSame(exporting: Promise<Exported>): Promise<void> {
  const { comparison, folder: to } = await exporting;
  made.push(join(to, 'model.onnx'));
  // Rounding in single precision: each side adds up in an order of its own.
  expect(comparison.largestDifference).toBeLessThan(1e-4);
  expect(comparison.changedAnswers).toBe(0);
  expect(comparison.pictures).toBeGreaterThan(10);
}

describe('an export in single precision answers as libtorch does', () => {
  it.each<[string, Record<string, unknown>]>([
    ['the released recipe', {}],
    ['the global branch alone', { 'model.branch': 'global' }],
    ['the local branch alone', { 'model.branch': 'local', 'model.topk': 4 }],
    ['scores that are not normalised', { 'model.normalizeScores': false, 'model.rawTextAtEvaluation': false }],
    ['a projection of the patches', { 'model.patchProjection': true }],
    ['softplus evidence', { 'loss.evidence': 'softplus' }],
    ['exponential evidence', { 'loss.evidence': 'exp', 'model.alpha': 0.7 }],
    ['softmax', { 'loss.lossFunction': 'ce' }],
    ['pictures in colour', { 'data.colour': 'rgb' }],
    ["votes' likelihood and a learned scale", { 'loss.lossFunction': 'dm', 'model.learnedScale': true }],
    ...(['dempster', 'cumulative', 'average'] as const).map(
      (fusion) =>
        [
          `opinions fused by ${fusion}`,
          { 'model.fusion': fusion, 'model.learnedScale': true, 'model.normalizeScores': false, 'loss.evidence': 'softplus' },
        ] as [string, Record<string, unknown>],
    ),
  ])('with %s', async (_, settings) => {
    await expectSame(exported(small, settings));
  });

  it('of the pre-training of a backbone, with its own scale', async () => {
    const exporting = exported(small, { clipPath: '' }, { recipe: 'small-clip' });
    await expectSame(exporting);
    expect((await exporting).comparison.largestLogit).toBeGreaterThan(5);
  });

  it("of the fixtures' CLIP, with patches of 8 pixels", async () => {
    await expectSame(exported(fixture('tiny2h_clip.safetensors')));
  });

  it.each(['face-clip', 'residual-clip'])('of a backbone as recipe %s has it', async (recipe) => {
    await expectSame(exported(drawn(recipe), { clipPath: '' }, { recipe }));
  });

  it('of ViT-B/16 in full size', async () => {
    const vitB16: ClipArchitecture = {
      vision: { width: 768, layers: 12, heads: 12, patchSize: 16, imageSize: 224 },
      text: { width: 64, layers: 1, heads: 1, contextLength: 77, vocabularySize: 1000 },
      embedDim: 512,
    };
    const path = join(folder.path, 'vit-b-16.safetensors');
    scope(() => writeSafetensors(path, initializeClip(vitB16, 16)));
    // A data set that is not there: the faces of the package are enough for a network of this size.
    await expectSame(exported(path, { dataPath: join(folder.path, 'nowhere') }));
  }, 240_000);

  const missing = missingModules('onnx');
  it.skipIf(missing)(missing ?? 'and holds to the standard, every file', () => {
    const opsets = runPython({ file: 'check_onnx.py' }, ...made);
    expect(opsets).toBe('17\n'.repeat(made.length));
    expect(made.length).toBe(18);
  });
});

describe('lower precision', () => {
  it.each<[ExportPrecision, number]>([
    ['fp16', 0.6],
    ['int8', 0.35],
  ])('%s makes a smaller file that answers nearly the same', async (precision, share) => {
    const [whole, smaller] = await Promise.all([exported(small), exported(small, {}, { precision, allowLoss: true })]);
    expect(smaller.model.network.bytes).toBeLessThan(share * whole.model.network.bytes);
    expect(smaller.model.network.precision).toBe(precision);
    expect(smaller.comparison.largestDifference).toBeLessThan(precision === 'fp16' ? 0.02 : 0.2);
    expect(smaller.comparison.changedAnswers).toBeLessThanOrEqual(3);
    if (!missingModules('onnx')) runPython({ file: 'check_onnx.py' }, join(smaller.folder, 'model.onnx'));
  });
});

describe.each([
  ['separable', 'face-clip', 112],
  ['residual', 'residual-clip', 48],
] as const)('a %s stem', (_, recipe, size) => {
  const files: Record<string, Exported> = {};
  beforeAll(async () => {
    const path = drawn(recipe);
    for (const precision of ['fp32', 'fp16', 'int8'] as const)
      files[precision] = await exported(path, { clipPath: '' }, { recipe, precision, allowLoss: true });
  });

  it('is exported in half and in 8-bit precision too, to nearly the same answers', () => {
    const { fp32, fp16, int8 } = files as Record<ExportPrecision, Exported>;
    expect(fp16.model.network.bytes).toBeLessThan(0.6 * fp32.model.network.bytes);
    expect(int8.model.network.bytes).toBeLessThan(0.35 * fp32.model.network.bytes);
    // In units of the largest logit: weights of 11 bits, and up to 23 convolutions in 8 bits with weights drawn by chance.
    const relative = ({ comparison }: Exported) => comparison.largestDifference / comparison.largestLogit;
    expect(relative(fp16)).toBeLessThan(2e-3);
    expect(relative(int8)).toBeLessThan(0.1);
  });

  it.each(['fp32', 'fp16', 'int8'])('answers exactly the same for a picture alone and in a batch, in %s', async (precision) => {
    const { runtime } = await loadOnnxRuntime();
    const path = join((files[precision] as Exported).folder, 'model.onnx');
    const network = await loadNetwork(runtime, path, { name: path, threads: 1 });
    const count = 5;
    const bytes = 3 * size * size;
    const pixels = Uint8Array.from(testPixels(size, size * count, 4));
    const together = await network.run(pixels.slice(), [count, size, size, 3]);
    for (let i = 0; i < count; i++) {
      const alone = await network.run(pixels.slice(i * bytes, (i + 1) * bytes), [1, size, size, 3]);
      for (const output of network.outputs) {
        const all = together(output).data;
        const length = all.length / count;
        expect(alone(output).data, `${output} of picture ${i}`).toEqual(all.slice(i * length, (i + 1) * length));
      }
    }
    await network.close();
  });
});

describe('the folder', () => {
  let result: Exported;
  beforeAll(async () => {
    result = await exported(small, {}, { name: 'faces' });
  });

  it('holds the network, what is to know of it, and a card', () => {
    expect(readdirSync(result.folder).sort()).toEqual(['README.md', 'model.json', 'model.onnx']);
    const model = parseModelFile(readFileSync(join(result.folder, 'model.json'), 'utf8'), 'model.json');
    expect(model).toEqual(result.model);
    expect(model).toMatchObject({
      name: 'faces',
      classes: ['surprise', 'fear', 'disgusted', 'happy', 'sad', 'anger', 'neutral'],
      preprocessing: { imageSize: 48, colour: 'grey' },
      answer: { kind: 'evidence', evidence: 'relu' },
      patches: { rows: 6, columns: 6, topk: 16 },
      source: { dataset: 'rafdb', recipe: 'released' },
    });
    const card = readFileSync(join(result.folder, 'README.md'), 'utf8');
    expect(card).toContain(`SHA-256 \`${model.network.sha256}\``);
    expect(card).toMatch(/must not decide anything about anyone/);
    expect(card).toMatch(/Not calibrated/);
  });

  it('is the same, byte for byte, when it is made again', async () => {
    const again = await exported(small, {}, { name: 'faces' });
    for (const file of ['README.md', 'model.json', 'model.onnx'])
      expect(readFileSync(join(again.folder, file)).equals(readFileSync(join(result.folder, file))), file).toBe(true);
  });

  it('is not written over, nor half-written', async () => {
    const { folder: there } = result;
    const config = resolveConfig({ options: { dataset: 'rafdb', dataPath: FACES, clipPath: small, device: 'cpu' } });
    const again = exportModel({ checkpoint: small, config, to: there, precision: 'fp32' });
    await expect(again).rejects.toMatchObject({ code: 'USAGE', message: expect.stringMatching(/exists already.*--to/) });
    const file = join(there, 'model.json', 'below');
    const below = exportModel({ checkpoint: small, config, to: file, precision: 'fp32' });
    await expect(below).rejects.toMatchObject({ code: 'IO', message: expect.stringMatching(/could not be written/) });
    expect(readdirSync(there).sort()).toEqual(['README.md', 'model.json', 'model.onnx']);
  });
});

describe('what cannot be exported', () => {
  const clip: ClipArchitecture = {
    vision: { width: 64, layers: 1, heads: 1, patchSize: 8, imageSize: 32 },
    text: { width: 64, layers: 1, heads: 1, contextLength: 16, vocabularySize: 1000 },
    embedDim: 16,
  };

  it('weights that are not numbers, by name', async () => {
    const path = join(folder.path, 'broken.safetensors');
    scope(() => {
      const weights = initializeClip(clip, 1);
      const broken = tensor(new Float32Array(64).fill(Number.NaN), [64]);
      writeSafetensors(path, { ...weights, 'visual.ln_post.bias': broken });
    });
    const to = join(folder.path, 'broken');
    const exporting = exported(path, { 'model.topk': 4 }, { to });
    await expect(exporting).rejects.toMatchObject({ code: 'CHECKPOINT', message: expect.stringMatching(/ln_post\.bias/) });
    expect(existsSync(to) || existsSync(`${to}.partial`)).toBe(false);
  });

  it('weights that half precision cannot hold, in fp16', async () => {
    const path = join(folder.path, 'large.safetensors');
    scope(() => {
      const large = tensor(new Float32Array(64).fill(70_000), [64]);
      writeSafetensors(path, { ...initializeClip(clip, 1), 'visual.transformer.resblocks.0.attn.out_proj.bias': large });
    });
    const exporting = exported(path, { 'model.topk': 4 }, { precision: 'fp16' });
    await expect(exporting).rejects.toThrow(/out_proj\.bias" reach 70000, beyond what half precision holds: export in fp32/);
  });
});
