import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { type ConfigSources, resolveConfig } from '#uafer/config/resolve.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-config-'));
  vi.stubEnv('UAFER_HOME', join(folder, 'home'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const paths = { dataPath: 'data', clipPath: 'clip.pt' };
const withPaths = (options: Record<string, unknown> = {}) => resolveConfig({ options: { ...paths, ...options } });

function yaml(text: string): string {
  const file = join(folder, 'config.yaml');
  writeFileSync(file, text);
  return file;
}

function message(sources: ConfigSources): string {
  try {
    resolveConfig(sources);
  } catch (error) {
    expect(error).toMatchObject({ code: 'USAGE' });
    return (error as Error).message;
  }
  throw new Error('expected a USAGE error');
}

test("the released recipe has the original script's values for each data set", () => {
  const rafdb = withPaths({ dataset: 'rafdb' });
  expect(rafdb.model.alpha).toBe(0.1);
  expect(rafdb.optimizer).toMatchObject({
    fixLayer: 2,
    batchSize: 128,
    lr: 1e-4,
    minLr: 1e-8,
    weightDecay: 5e-4,
    layerDecay: 0.65,
  });
  expect(rafdb.loss).toMatchObject({ lossFunction: 'edl', edlType: 'mse', evidence: 'relu', withKl: false, withAvu: false });
  for (const dataset of ['affectnet', 'affectnet_8']) {
    const affectnet = withPaths({ dataset });
    expect(affectnet.model).toMatchObject({ alpha: 0.3, topk: 16 });
    expect(affectnet.optimizer).toMatchObject({ fixLayer: 8, batchSize: 256, epochs: 50, warmupEpochs: 5 });
  }
});

test('a file overrides the recipe, also for its data set, and options override the file', () => {
  const configFile = yaml('dataset: affectnet\nmodel: { alpha: 0.6, topk: 4 }\n');
  const config = resolveConfig({ configFile, options: { ...paths, 'model.topk': 9 } });
  expect(config).toMatchObject({ dataset: 'affectnet', model: { alpha: 0.6, topk: 9 }, optimizer: { fixLayer: 8 } });
});

test("a run's config.yaml resolves to the same configuration, in another folder", () => {
  const run = join(folder, 'run');
  const config = withPaths({ out: run, 'model.alpha': 0.7, 'run.maxSteps': 3, seed: 7 });
  mkdirSync(run);
  const configFile = join(run, 'config.yaml');
  writeFileSync(configFile, stringify(config));
  const again = resolveConfig({ configFile });
  expect(again.out).not.toBe(run);
  expect({ ...again, out: run }).toEqual(config);
  expect(resolveConfig({ configFile, options: { out: run } })).toEqual(config);
});

test('paths become absolute and the run folder is named by date, data set and recipe', () => {
  const config = withPaths({ dataset: 'ferplus' });
  expect(config.dataPath).toBe(resolve('data'));
  expect(config.out).toMatch(/runs\/\d{4}-\d\d-\d\d-\d{6}-ferplus-released$/);
});

test('without --clip-path the downloaded CLIP is taken, and nothing has to be said', () => {
  const clip = join(folder, 'home/clip/ViT-B-16.pt');
  mkdirSync(join(folder, 'home/clip'), { recursive: true });
  writeFileSync(clip, '');
  const onNote = vi.fn();
  expect(resolveConfig({ options: { dataPath: 'data' }, onNote }).clipPath).toBe(clip);
  expect(onNote).not.toHaveBeenCalled();
});

test('pre-training starts from no weights', () => {
  expect(resolveConfig({ options: { dataPath: 'data', task: 'pretrain' } }).clipPath).toBe('');
});

test('every wrong option is named with its range', () => {
  const said = message({ options: { 'model.alpha': 2, 'optimizer.lr': 'fast', dataset: 'rafbd', 'optimizer.epochs': 1.5 } });
  expect(said.split('\n')).toEqual([
    '--dataset: expected one of rafdb, affectnet, affectnet_8, ferplus, folder, got "rafbd". Did you mean "rafdb"?',
    "--data-path is needed: expected the data set's folder (in a configuration file: dataPath)",
    '--alpha: expected a number from 0 to 1, got 2.',
    '--lr: expected a number of at least 0, got "fast".',
    '--epochs: expected a whole number of at least 1, got 1.5.',
  ]);
});

test('a wrong value in a file is named by file and line', () => {
  const configFile = yaml('seed: 1\nmodel:\n  topk: 4\n  alpha: lots\n');
  expect(message({ configFile, options: paths })).toBe(
    `${configFile}:4: model.alpha: expected a number from 0 to 1, got "lots".`,
  );
});

test('a wrong value inside a structure is named with the structure', () => {
  const configFile = yaml('task: pretrain\npretrain:\n  stem: 3\n');
  expect(message({ configFile, options: paths })).toContain(
    `${configFile}:2: pretrain: pretrain.stem: expected a list of whole numbers.`,
  );
});

test.each([
  ['seed: 1\nmodel:\n  alhpa: 1\n', ':3: there is no setting "model.alhpa". Did you mean "model.alpha"?'],
  ['optimizer:\n  fix_layer: 1\n', ':2: there is no setting "optimizer.fix_layer". Did you mean "optimizer.fixLayer"?'],
  ['seed: 1\nlayerDecay: 1\n', ':2: there is no setting "layerDecay". Did you mean "optimizer.layerDecay"?'],
  ['# settings\nmodle:\n  alpha: 1\n', ':2: there is no setting "modle". Did you mean "model"?'],
  ['seed: 1\nzzz: 1\n', ':2: there is no setting "zzz".'],
  ['seed: 1\nmodel: 3\n', ':2: expected settings like "name: value", got 3'],
  ['seed: [1\nmodel: 3\n', ':2: not YAML'],
  ['', ':1: expected settings like "name: value", got null'],
])('the file %j is refused with the line', (text, expected) => {
  const configFile = yaml(text);
  expect(message({ configFile })).toContain(`${configFile}${expected}`);
});

test.each([
  [
    'aliases that unfold to billions',
    [
      'a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]',
      ...[...'bcdefghij'].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[i]}`)}]`),
    ].join('\n'),
    'its aliases (*name) unfold to too much: write the values out.',
  ],
  [
    'an alias inside of what it names',
    'model: &m { alpha: *m }',
    'an alias (*name) stands inside of what it names: write the values out.',
  ],
  ['an alias of nothing', 'seed: *nothing', 'Unresolved alias'],
  ['lists in lists in lists', '['.repeat(100_000), 'its lists or settings stand inside of each other too deeply.'],
])('%s: refused in a sentence', (_, text, expected) => {
  const configFile = yaml(text);
  expect(message({ configFile })).toContain(`${configFile} cannot be used: ${expected}`);
});

test('a file, a recipe and an option that do not exist are named', () => {
  expect(message({ configFile: join(folder, 'absent.yaml') })).toContain('absent.yaml');
  expect(message({ recipe: 'relaesed' })).toMatch(/no recipe "relaesed"\. Did you mean "released"\?/);
  expect(message({ options: { 'model.alhpa': 1 } })).toContain('Did you mean "model.alpha"?');
});

test('what changes nothing beside other settings is told, where it was made, and only then', () => {
  const notes = (options: Record<string, unknown>, configFile?: string) => {
    const told: string[] = [];
    resolveConfig({ configFile, options: { ...paths, ...options }, onNote: (note) => told.push(note) });
    return told;
  };
  expect(notes({})).toEqual([]);
  expect(notes({ 'loss.withAvu': true, 'loss.edlType': 'log' })).toEqual([]);
  expect(notes({ 'loss.withAvu': true })).toEqual([
    '--with-avu has no effect here: AvU belongs to log and digamma, and the loss is mse.',
  ]);
  expect(notes({ 'loss.withAvu': true, 'loss.edlType': 'log', 'loss.withKl': true })).toEqual([
    '--with-avu has no effect here: beside KL, AvU is left out.',
  ]);
  expect(notes({ 'loss.withKl': false, 'loss.edlType': 'cross_entropy' })).toEqual([
    '--with-kl has no effect here: cross_entropy always has KL.',
  ]);
  expect(notes({ 'model.branch': 'global', 'model.topk': 4 })).toEqual([
    '--topk has no effect here: only the global scores are used.',
  ]);
  expect(notes({ 'data.votes': 'distribution', dataset: 'ferplus' })[0]).toMatch(/^--votes has no effect here: .*label alone/);
  expect(notes({ 'data.ferplusTest': 'test', dataset: 'ferplus' })).toEqual([]);
  expect(notes({ 'data.ferplusTest': 'test' })).toEqual([
    '--ferplus-test has no effect here: only FER+ has two test parts, and the data set is rafdb.',
  ]);
  expect(notes({ 'loss.lossFunction': 'ce', 'loss.evidence': 'exp' })).toEqual([
    '--evidence has no effect here: only the evidential loss has it, and the loss is ce.',
  ]);
  expect(notes({ 'model.branch': 'global', 'model.patchProjection': true })).toEqual([
    '--patch-projection has no effect here: only the global scores are used.',
  ]);
  expect(notes({ 'data.samplerPower': 0.5, 'data.shuffle': false })).toEqual([
    '--shuffle has no effect here: --sampler-power decides how pictures are drawn.',
  ]);
  expect(notes({ 'data.subjectPattern': '(.)' })).toEqual([
    '--subject-pattern has no effect here: rafdb is split by its owners.',
  ]);
  expect(notes({ dataset: 'affectnet', 'data.centerCrop': true })).toEqual([
    '--center-crop has no effect here: pictures of affectnet are made square whatever their shape.',
  ]);
  expect(notes({ dataset: 'rafdb', 'data.votes': 'distribution' })).toEqual([
    '--votes has no effect here: rafdb has no votes.',
  ]);
  expect(notes({ 'optimizer.fixLayer': -1, 'optimizer.fixStem': 2 })).toEqual([]);
  expect(notes({ 'optimizer.fixLayer': 2, 'optimizer.fixStem': 2 })).toEqual([
    '--fix-stem has no effect here: --fix-layer 2 freezes a stem as a whole.',
  ]);
  expect(notes({ 'data.extraSmoothing': 0.1 })).toEqual(['--extra-smoothing has no effect here: rafdb has no votes.']);
  expect(notes({ 'data.extraSmoothing': 0.1, dataset: 'ferplus' })).toEqual([
    '--extra-smoothing has no effect here: no pictures are added (--extra-path).',
  ]);
  expect(notes({ 'data.extraSmoothing': 0.1, 'data.extraPath': 'more', dataset: 'ferplus' })).toEqual([
    '--extra-smoothing has no effect here: only cross-entropy with the votes (--target votes) takes shares.',
  ]);
  const votes = { dataset: 'ferplus', 'data.votes': 'distribution' };
  expect(notes({ ...votes, 'loss.lossFunction': 'dm', 'data.countedVotes': 'repeated' })).toEqual([]);
  expect(notes({ ...votes, 'loss.lossFunction': 'ce', 'loss.target': 'votes' })).toEqual([]);
  expect(notes({ 'loss.target': 'votes', 'data.countedVotes': 'repeated', 'loss.lambdaBranch': 2 })).toEqual([
    '--lambda-branch has no effect here: opinions are not fused.',
    '--target has no effect here: only ce has a choice, and the loss is edl.',
    '--counted-votes has no effect here: the loss is not the likelihood of the votes.',
  ]);
  expect(notes({ 'loss.distillation': 'unit', 'loss.lambdaKd': 0 })).toEqual([
    '--distillation has no effect here: distillation has no weight.',
  ]);
  expect(notes({ 'loss.distillation': 'none', 'loss.lambdaKd': 2 })).toEqual([
    '--lambda-kd has no effect here: nothing is distilled.',
  ]);
  const fused = { 'model.fusion': 'average', 'loss.withAvu': true, 'loss.withKl': true, 'loss.lambdaBranch': 2 };
  expect(notes(fused)).toEqual([]);
  expect(notes({ ...fused, 'model.alpha': 0.3 })).toEqual([
    '--alpha has no effect here: evidence is fused, and not the scores.',
  ]);
  const file = yaml('loss:\n  lossFunction: ce\n  annealing: exp\n');
  expect(notes({}, file)).toEqual([
    `${file}:3: loss.annealing has no effect here: only the evidential loss has it, and the loss is ce.`,
  ]);
});

test('in pre-training the settings of UA-FER are told of as having no effect', () => {
  const told: string[] = [];
  const options = {
    ...paths,
    'loss.lambdaKd': 2,
    'model.alpha': 0.5,
    'model.topk': 8,
    // Layers by their depth are pre-training's too.
    'optimizer.fixLayer': 1,
    dataset: 'ferplus',
  };
  resolveConfig({ recipe: 'small-clip', options, onNote: (note) => told.push(note) });
  const why = 'has no effect here: pre-training has a loss and a model of its own.';
  expect(told).toEqual([`--lambda-kd ${why}`, `--alpha ${why}`]);
});

test("a run's configuration stands without the recipe file that it was started with", () => {
  const recipe = yaml(stringify({ ...resolveConfig({ options: paths }), recipe: undefined }));
  const started = resolveConfig({ recipe, options: paths });
  const run = join(folder, 'run.yaml');
  writeFileSync(run, stringify(started));
  rmSync(recipe);
  const told: string[] = [];
  expect(resolveConfig({ configFile: run, onNote: (note) => told.push(note) })).toEqual(started);
  expect(told, 'a run says everything, also what had no effect: nobody asked for that').toEqual([]);
  expect(message({ configFile: run, recipe })).toMatch(/Cannot read the configuration/);
});
