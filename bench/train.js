/**
 * `npm run bench train`: training steps of CLIP ViT-B/16 as `uafer train` makes them in late epochs (its loader included, what it keeps of pictures and teacher there) beside the step of
 * the original's options in plain PyTorch, on the same pictures, weights and machine, taking turns; an evaluation of 100 pictures, peak memory, a profile
 * of a step, and the products of a step alone, which are the machine's limit.
 *
 *   --recipe rafdb|affectnet   the original's fix_layer, alpha and augmentation for that set (rafdb)
 *   --steps 20 --batch 32 --threads 2 --precision fp32|bf16|auto
 *   --reference CHECKOUT       a checkout of the original takes part too, unchanged: its train.py with the data set's options and
 *                              --reference-options '...'; it must be one that runs, with its weights where it looks for them
 *   --out FOLDER               keeps figures, losses and the profile there (JSON, SVG)
 *
 * Further options go to `uafer train`, as in `--set optimizer.lr=0.001`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { resolveConfig } from '#uafer/config/resolve.js';
import { median, sayLoad, sayMachine, startContender } from './contenders.js';
import { writeTrainingSet } from './trainingSet.js';
import { sharesOf, writeProfile } from './trainProfile.js';

const { values } = parseArgs({
  options: {
    recipe: { type: 'string', default: 'rafdb' },
    steps: { type: 'string', default: '20' },
    batch: { type: 'string', default: '32' },
    threads: { type: 'string', default: String(availableParallelism()) },
    precision: { type: 'string', default: 'fp32' },
    set: { type: 'string', multiple: true, default: [] },
    reference: { type: 'string' },
    'reference-options': { type: 'string', default: '' },
    out: { type: 'string' },
  },
});
const RECIPES = {
  rafdb: { 'model.alpha': 0.1, 'optimizer.fixLayer': 2 },
  affectnet: { 'model.alpha': 0.3, 'optimizer.fixLayer': 8 },
};
const recipe = RECIPES[values.recipe];
if (!recipe) {
  console.error(`--recipe: expected rafdb or affectnet, got "${values.recipe}".`);
  process.exit(2);
}
if (values.reference && !existsSync(join(values.reference, 'train.py'))) {
  console.error(`--reference ${values.reference}: expected a checkout of the original, with its train.py.`);
  process.exit(2);
}
const [steps, batch] = [Number(values.steps), Number(values.batch)];
const folder = mkdtempSync(join(tmpdir(), 'uafer-train-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
// What the run would keep for later runs goes with the folder.
process.env.UAFER_PICTURES = join(folder, 'pictures');

await writeTrainingSet(folder, values.recipe, { train: batch * (steps + 2), test: 100 });
const weights = join(folder, 'weights.safetensors');
execFileSync(process.execPath, [fileURLToPath(new URL('randomClip.js', import.meta.url)), weights]);
const config = resolveConfig({
  options: {
    ...recipe,
    dataset: values.recipe,
    dataPath: folder,
    clipPath: weights,
    out: join(folder, 'run'),
    device: 'cpu',
    threads: Number(values.threads),
    precision: values.precision,
    'optimizer.batchSize': batch,
    ...Object.fromEntries(
      values.set.map((pair) => pair.split(/=(.*)/s).slice(0, 2)).map(([path, text]) => [path, parse(text)]),
    ),
  },
});
const settings = join(folder, 'settings.json');
writeFileSync(settings, JSON.stringify(config));

sayMachine(`${values.threads} threads`, `ViT-B/16, ${values.recipe} recipe, batch ${batch}, ours in ${values.precision}`);
console.log(`${steps} steps after one to warm up`);
const ours = await startContender('uafer', process.execPath, ['trainOurs.js', settings, folder]);
const { 'model.alpha': alpha, 'optimizer.fixLayer': fixLayer } = recipe;
const network = [weights, values.threads, String(alpha), String(fixLayer)];
const python = await startContender('PyTorch', process.env.PYTHON ?? 'python3', ['train.py', ...network]);
await python.pass({ what: 'prompts', ...(await ours.pass('prompts')) });

const original = values.reference && (await startReference(values));

const made = { uafer: [], PyTorch: [], original: [] };
const losses = [];
const peak = {};
for (let i = 0; i <= steps; i++) {
  const mine = await ours.pass('step');
  const theirs = await python.pass({ what: 'step', ...mine });
  console.log(
    `${(i === 0 ? 'warm-up' : `step ${i}`).padEnd(8)} uafer ${mine.seconds.toFixed(2)} s (${(mine.waiting * 1000).toFixed(0)} ms of it for pictures)  ` +
      `PyTorch ${theirs.seconds.toFixed(2)} s  losses ${mine.value.toFixed(7)} ${theirs.value.toFixed(7)}`,
  );
  losses.push([mine.value, theirs.value]);
  Object.assign(peak, { uafer: mine.peakMiB, PyTorch: theirs.peakMiB });
  const reference = original && (await original.pass());
  if (reference) {
    console.log(`         the original ${reference.seconds.toFixed(2)} s${i === 0 ? ', its start included' : ''}`);
    peak.original = reference.peakMiB;
  }
  if (i === 0) continue;
  made.uafer.push(mine.seconds);
  made.PyTorch.push(theirs.seconds);
  if (reference) made.original.push(reference.seconds);
}
await original?.close();
const evaluated = { uafer: [], PyTorch: [] };
for (let round = 0; round < 4; round++) {
  const mine = await ours.pass('evaluate');
  const theirs = await python.pass({ what: 'evaluate', ...mine });
  if (round === 0) continue;
  evaluated.uafer.push(mine.seconds);
  evaluated.PyTorch.push(theirs.seconds);
}
const profile = await ours.pass('profile');
await ours.pass('products');
const products = await ours.pass('products');
await Promise.all([ours.close(), python.close()]);

const rows = [
  row('step, best (s)', Math.min(...made.uafer), Math.min(...made.PyTorch)),
  row('step, median (s)', median(made.uafer), median(made.PyTorch)),
  row('pictures a second, median', batch / median(made.uafer), batch / median(made.PyTorch)),
  row('evaluation of 100, best (s)', Math.min(...evaluated.uafer), Math.min(...evaluated.PyTorch)),
  row('evaluation of 100, median (s)', median(evaluated.uafer), median(evaluated.PyTorch)),
  row('peak memory of training (MiB)', peak.uafer, peak.PyTorch),
];
console.table(rows);
if (original) {
  const [best, middle] = [Math.min(...made.original), median(made.original)];
  console.log(
    `the original's step: best ${best.toFixed(2)} s, median ${middle.toFixed(2)} s, ` +
      `${(best / Math.min(...made.uafer)).toFixed(2)} and ${(middle / median(made.uafer)).toFixed(2)} times ours; ` +
      `its peak memory ${peak.original.toFixed(0)} MiB (from the start, everything included)`,
  );
}
const apart = Math.max(...losses.map(([mine, theirs]) => Math.abs(mine - theirs)));
console.log(`losses of ${losses.length} steps at most ${apart.toExponential(1)} apart`);
sayLoad();
const shares = sharesOf(profile);
for (const { name, seconds, share } of shares)
  console.log(`${name.padEnd(32)}${seconds.toFixed(3)} s  ${(share * 100).toFixed(1)}%`);
const rate = (2 * products.multiplications) / products.seconds / 1e9;
console.log(
  `the tower's products with weights alone: ${products.seconds.toFixed(2)} s (${rate.toFixed(0)} GFLOPS), ` +
    `${((products.seconds / median(made.uafer)) * 100).toFixed(1)}% of a step`,
);
if (values.out) {
  mkdirSync(values.out, { recursive: true });
  writeProfile(values.out, shares, profile.operators);
  const { recipe: name, precision, threads } = values;
  const machine = `${cpus().length} x ${cpus()[0]?.model}`;
  const figures = { machine, recipe: name, precision, threads: Number(threads), batch, steps, rows, losses, made, products };
  writeFileSync(join(values.out, 'figures.json'), `${JSON.stringify(figures, null, 1)}\n`);
}

/** The original reads RAF-DB's folder `basic`, and AffectNet's root; its threads are PyTorch's own setting. */
function startReference({ reference, recipe: dataset, batch: size, threads, 'reference-options': further }) {
  process.env.OMP_NUM_THREADS = threads;
  const dataPath = dataset === 'rafdb' ? join(folder, 'basic') : folder;
  const options = ['--dataset', dataset, '--data-path', dataPath, '--batch-size', size, ...further.split(' ').filter(Boolean)];
  return startContender('the original', process.env.PYTHON ?? 'python3', ['reference.py', resolve(reference), ...options]);
}

function row(figure, uafer, PyTorch) {
  return { figure, uafer: uafer.toFixed(2), PyTorch: PyTorch.toFixed(2), 'PyTorch / uafer': (PyTorch / uafer).toFixed(3) };
}
