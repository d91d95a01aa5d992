/**
 * `npm run bench scaling`: pictures a second of one, two, ... processes with one thread each on this machine (the small backbone on made-up pictures,
 * `uafer train --nproc`), as JSON. `-- --model` prints the tables of docs/scaling.md instead: 8, 64 and 512 GPUs from gradient bytes, a step's time and bandwidths.
 *
 * Options of the measurement: --processes 1,2  --steps 30  --rounds 3  --batch 64. Of the model: --rate (pictures a second of one GPU), --between, --inside
 * (GB/s), --decoded (pictures a second of one core), --batch.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { lastFree, stepOf, trainedParameters } from './scalingModel.js';

const { values } = parseArgs({
  options: {
    model: { type: 'boolean', default: false },
    processes: { type: 'string', default: '1,2' },
    steps: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '3' },
    batch: { type: 'string' },
    rate: { type: 'string', default: '1000' },
    inside: { type: 'string', default: '300' },
    between: { type: 'string', default: '6.25' },
    decoded: { type: 'string', default: '900' },
  },
});

if (values.model) printModel();
else await measure();

function printModel() {
  const machine = {
    rate: Number(values.rate),
    perMachine: 8,
    inside: Number(values.inside) * 1e9,
    between: Number(values.between) * 1e9,
    latency: 10e-6,
    // Backward is two thirds of the computing; the gradients of the last blocks come first, those of the first trained one last.
    hidden: 0.5,
    cores: 16 * 8,
    decodedPerCore: Number(values.decoded),
    fileSystem: 10e9,
  };
  const batch = Number(values.batch ?? 32);
  for (const [name, fixLayer] of [
    ['RAF-DB (fix 2)', 2],
    ['AffectNet (fix 8)', 8],
  ]) {
    const work = { parameters: trainedParameters(fixLayer), bytesPerPicture: 20e3 };
    const bytes = (4 * work.parameters) / 1e6;
    console.log(
      `\n${name}: ${(work.parameters / 1e6).toFixed(1)} million trained parameters, ${bytes.toFixed(0)} MB of gradients\n`,
    );
    console.log(
      '| GPUs | pictures on each | computing | gradients | of these not hidden | pictures a second | efficiency | limit |',
    );
    console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
    for (const size of [1, 8, 64, 512]) console.log(row(stepOf(machine, { ...work, size, batch }), batch));
    const whole = 8 * batch * 8;
    for (const size of [64, 512]) {
      const each = whole / size;
      if (size * batch !== whole) console.log(row(stepOf(machine, { ...work, size, batch: each }), each));
    }
    console.log(
      `\nFree of both limits: ${lastFree(machine, { ...work, batch })} GPUs with ${batch} pictures on each; ` +
        `${lastFree(machine, { ...work, whole })} with a whole batch of ${whole}.`,
    );
  }
}

function row({ size, computing, summing, exposed, pictures, efficiency, limit }, batch) {
  const ms = (seconds) => `${(seconds * 1000).toFixed(1)} ms`;
  const share = `${(efficiency * 100).toFixed(0)}%`;
  return `| ${size} | ${batch} | ${ms(computing)} | ${ms(summing)} | ${ms(exposed)} | ${Math.round(pictures).toLocaleString('en')} | ${share} | ${limit} |`;
}

async function measure() {
  const folder = mkdtempSync(join(tmpdir(), 'uafer-scaling-'));
  try {
    await writePictures(join(folder, 'faces'), Number(values.batch ?? 64) * 2);
    const sizes = values.processes.split(',').map(Number);
    const rounds = Array.from({ length: Number(values.rounds) }, (_, round) =>
      sizes.map((size) => ({ size, rate: rateOf(folder, size, `run-${round}-${size}`) })),
    ).flat();
    const measured = sizes.map((size) => summary(size, rounds));
    const [one] = measured;
    for (const each of measured) each.efficiency = each.median / (each.size * (one.median / one.size));
    console.log(JSON.stringify({ batch: Number(values.batch ?? 64), threads: 1, measured }, null, 1));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function summary(size, rounds) {
  const rates = rounds.filter((each) => each.size === size).map(({ rate }) => rate);
  return { size, best: Math.max(...rates), median: rates.sort((a, b) => a - b)[Math.floor(rates.length / 2)] };
}

/** Pictures a second in the middle of the steps but the first few. */
function rateOf(folder, size, out) {
  const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
  const steps = Number(values.steps);
  const settings = [
    '--threads',
    '1',
    '--workers',
    '1',
    '--batch-size',
    values.batch ?? '64',
    '--max-steps',
    String(steps),
    '--epochs',
    '1000',
  ];
  const run = [
    'train',
    '--recipe',
    'small-clip',
    '--dataset',
    'folder',
    '--data-path',
    'faces',
    '--augment',
    'none',
    '--precision',
    'fp32',
  ];
  const args = [
    main,
    ...run,
    ...settings,
    '--votes',
    'majority',
    '--log-every',
    '1',
    '--device',
    'cpu',
    '--quiet',
    '--nproc',
    String(size),
    '--out',
    out,
  ];
  execFileSync(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  const lines = readFileSync(join(folder, out, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const rates = lines.filter(({ kind, step }) => kind === 'step' && step > 5).map((line) => line.images_per_s);
  return rates.sort((a, b) => a - b)[Math.floor(rates.length / 2)];
}

async function writePictures(folder, count) {
  for (const [label, shade] of Object.entries({ happy: 200, sad: 60 })) {
    mkdirSync(join(folder, label), { recursive: true });
    const picture = sharp({ create: { width: 48, height: 48, channels: 3, background: { r: shade, g: shade, b: shade } } });
    const bytes = await picture.png().toBuffer();
    for (let i = 0; i < count; i++) writeFileSync(join(folder, label, `${i}.png`), bytes);
  }
}
