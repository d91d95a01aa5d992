/**
 * Prediction: the network alone beside plain PyTorch on the same weights; the way from a photo's file to the expressions of its faces beside
 * @vladmandic/human and @vladmandic/face-api; aligned faces a second of one core, and memory over many photos. What is compared has a process
 * of its own and takes turns, because a shared machine's speed drifts.
 *
 *   PYTHON=python3 node bench/predict.js [--parts network,photo,many] [--rounds 5] [--threads 1] [--photo FILE] [--photos 1000]
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createTokenizer } from '#uafer/clip/tokenizer.js';
import { decodePicture } from '#uafer/codec/decode.js';
import { resolveConfig } from '#uafer/config/resolve.js';
import { exportModel } from '#uafer/export/exportModel.js';
import { toSquare } from '#uafer/image/preprocess.js';
import { packagePath } from '#uafer/paths.js';
import { median, milliseconds, sayLoad, sayMachine, startContender, takeTurns } from './contenders.js';
import { peersFolder } from './peersFolder.js';

const PARTS = { network: compareNetworks, photo: comparePhotos, many: measureMany };
const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: Object.keys(PARTS).join(',') },
    rounds: { type: 'string', default: '5' },
    // Of the network alone, on both sides; the peers' WebAssembly has one in Node.js.
    threads: { type: 'string', default: '1' },
    photo: { type: 'string', default: packagePath('examples', 'photos', 'three.jpg') },
    photos: { type: 'string', default: '1000' },
  },
});
const [rounds, threads, photos] = [values.rounds, values.threads, values.photos].map(Number);
const parts = values.parts.split(',');
const unknown = parts.find((part) => !(part in PARTS));
if (unknown !== undefined) {
  console.error(`--parts: expected some of ${Object.keys(PARTS).join(', ')}, with commas between, got "${unknown}"`);
  process.exit(2);
}
const PRECISIONS = /** @type {const} */ (['fp32', 'fp16', 'int8']);
/** Faces at once, and how many runs of them make a turn: about as many faces each. */
const RUNS = new Map([
  [1, 32],
  [8, 6],
  [32, 2],
]);
const MOST = Math.max(...RUNS.keys());
/** Rounding in single precision: each side adds up in an order of its own. */
const TOLERANCE = 1e-4;
/** What a run's memory may grow by after its first photos. */
const FLAT = 1.1;
const STEP = 200;
const REFERENCE = 'PyTorch eager';

sayMachine(`${rounds} rounds after one to warm up`);
for (const part of parts) await PARTS[part]();
sayLoad();

/** Pixels in bytes to probabilities, beside normalised floats to probabilities by PyTorch. */
async function compareNetworks() {
  const folder = mkdtempSync(join(tmpdir(), 'uafer-bench-'));
  try {
    console.log(`\nThe network alone: models/uafer-clip-residual.safetensors, threads on both sides: ${threads}`);
    const input = await writeInput(folder, await exportAll(folder));
    const contenders = [];
    for (const precision of PRECISIONS) {
      const args = ['predictNetwork.js', join(folder, precision), input, String(threads)];
      contenders.push(await startContender(`uafer ${precision}`, process.execPath, args));
    }
    const python = process.env.PYTHON ?? 'python3';
    contenders.push(await startContender(REFERENCE, python, ['predict.py', input, String(threads)]));
    await checkLogits(contenders);
    const requests = [...RUNS].map(([batch, runs]) => ({ batch, runs }));
    const answers = await takeTurns(contenders, { rounds, requests });
    await Promise.all(contenders.map(({ close }) => close()));
    for (const batch of RUNS.keys()) sayNetworks(batch, answers);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} folder */
async function exportAll(folder) {
  const checkpoint = packagePath('models', 'uafer-clip-residual.safetensors');
  // Without a data set exports are checked on the faces of the package.
  const options = { dataPath: join(folder, 'no data set'), device: 'cpu' };
  const config = resolveConfig({ recipe: 'residual-clip', options });
  let model;
  for (const precision of PRECISIONS) {
    ({ model } = await exportModel({ checkpoint, config, to: join(folder, precision), precision }));
    console.log(`exported in ${precision}: ${(model.network.bytes / 1e6).toFixed(1)} MB`);
  }
  const { contextLength, vocabularySize } = config.pretrain;
  const { ids, shape } = createTokenizer({ vocabularySize }).tokenize(model.classes, { contextLength });
  return { checkpoint, preprocessing: model.preprocessing, ids: Array.from(ids, Number), shape };
}

/**
 * What both sides read: pictures as bytes, classes as ids of their texts (no tokenizer is compared), and how pictures are normalised.
 *
 * @param {string} folder
 * @param {Awaited<ReturnType<typeof exportAll>>} network
 */
async function writeInput(folder, network) {
  const faces = packagePath('examples', 'faces', 'basic', 'Image', 'aligned_224');
  const { preprocessing } = network;
  const pixels = [];
  for (const file of readdirSync(faces).sort().slice(0, MOST)) {
    const picture = await decodePicture(join(faces, file));
    pixels.push(toSquare(picture, { ...preprocessing, colour: 'rgb', centerCrop: true }, file));
  }
  const pictures = join(folder, 'pictures');
  writeFileSync(pictures, Buffer.concat(pixels));
  const input = join(folder, 'input.json');
  writeFileSync(input, JSON.stringify({ ...network, pictures }));
  return input;
}

/**
 * Both sides must compute the same before it means anything that one is quicker.
 *
 * @param {import('./contenders.js').Contender<any>[]} contenders
 */
async function checkLogits(contenders) {
  const all = new Map();
  for (const { name, pass } of contenders) all.set(name, (await pass({ batch: MOST, runs: 1 })).logits);
  const reference = all.get(REFERENCE);
  const largest = Math.max(...reference.map(Math.abs));
  for (const [name, logits] of all) {
    const apart = Math.max(...logits.map((/** @type {number} */ logit, i) => Math.abs(logit - reference[i])));
    if (name === 'uafer fp32' && !(apart <= TOLERANCE && logits.length === reference.length))
      throw new Error(`${name} and ${REFERENCE} differ by ${apart} of a logit: they do not compute the same`);
    if (name !== REFERENCE)
      console.log(
        `${name}: logits of ${MOST} faces within ${apart.toExponential(1)} of ${REFERENCE}'s (largest ${largest.toFixed(1)})`,
      );
  }
}

/**
 * @param {number} batch
 * @param {Map<string, { batch: number, seconds: number[], cpu: number }[]>} answers
 */
function sayNetworks(batch, answers) {
  const all = [...answers].map(([name, passes]) => {
    const own = passes.filter((pass) => pass.batch === batch);
    const seconds = own.flatMap((pass) => pass.seconds.map((each) => each / batch));
    return { name, ...figures(seconds), cpu: median(own.map((pass) => pass.cpu / pass.seconds.length / batch)) };
  });
  const reference = all.find(({ name }) => name === REFERENCE);
  console.log(`\nBatch ${batch}, a face`);
  console.table(
    all.map((own) => ({
      name: own.name,
      'min (ms)': milliseconds(own.min),
      'median (ms)': milliseconds(own.median),
      'processor, median (ms)': milliseconds(own.cpu),
      'times as fast, min': (reference.min / own.min).toFixed(2),
      'times as fast, median': (reference.median / own.median).toFixed(2),
    })),
  );
  sayRatios('fp32 at least 1.3 times as fast as PyTorch eager', 1.3, all[0], reference);
}

/** @param {number[]} seconds */
function figures(seconds) {
  return { min: Math.min(...seconds), median: median(seconds) };
}

/** From the file to the expressions: each with its own detector and expression network; sharp decodes for all. */
async function comparePhotos() {
  const { photo } = values;
  console.log(`\nFrom the file ${photo} to the expressions of its faces`);
  const peers = peersFolder();
  const node = (name, ...args) => startContender(name, process.execPath, args);
  const contenders = [
    await node('uafer, 1 thread', 'predictPhoto.js', photo, '1'),
    await node('uafer, 2 threads', 'predictPhoto.js', photo, '2'),
    await node('human', 'predictHuman.js', peers, photo),
    await node('face-api, faces aligned', 'predictFaceApi.js', peers, photo, 'aligned'),
    await node('face-api, not aligned', 'predictFaceApi.js', peers, photo, 'plain'),
    await node('face-api, tiny detector, not aligned', 'predictFaceApi.js', peers, photo, 'tiny'),
  ];
  const answers = await takeTurns(contenders, { rounds, passes: 3 });
  await Promise.all(contenders.map(({ close }) => close()));
  const all = [...answers].map(([name, passes]) => ({
    name,
    expressions: passes[0]?.expressions,
    ...figures(passes.map((pass) => pass.seconds)),
    cpu: median(passes.map((pass) => pass.cpu)),
  }));
  const [one, , human, aligned, plain] = all;
  console.table(
    all.map((own) => ({
      name: own.name,
      faces: own.expressions.length,
      'min (ms)': milliseconds(own.min),
      'median (ms)': milliseconds(own.median),
      'processor, median (ms)': milliseconds(own.cpu),
      'times uafer, min': (own.min / one.min).toFixed(1),
      'times uafer, median': (own.median / one.median).toFixed(1),
    })),
  );
  for (const { name, expressions } of all) console.log(`${name}: ${expressions.join(', ') || 'no face'} (from the left)`);
  sayRatios("at most a third of human's time", 3, one, human);
  sayRatios("at most a fortieth of face-api's time, faces aligned", 40, one, aligned);
  sayRatios("at most a fortieth of face-api's time, not aligned", 40, one, plain);
}

/** How far it goes with many pictures, alone: aligned faces of a core, and the memory of a long run. */
async function measureMany() {
  const faces = packagePath('examples', 'faces', 'basic', 'Image', 'aligned_224');
  console.log('\nMany pictures by predictMany, one thread for the network');
  const contender = await startContender('uafer, faces', process.execPath, ['predictMany.js', 'faces', faces]);
  const passes = (await takeTurns([contender], { rounds })).get(contender.name) ?? [];
  await contender.close();
  // Decoding of one picture and the network's run of another overlap, so that only the processor's time is a core's.
  const rate = (/** @type {'seconds' | 'cpu'} */ time) => passes.map((pass) => pass.count / pass[time]);
  const [wall, core] = [rate('seconds'), rate('cpu')];
  const line = (rates) => `${Math.max(...rates).toFixed(0)} at best, ${median(rates).toFixed(0)} in the median`;
  console.log(`aligned faces from JPEG files of 224 pixels: a second ${line(wall)}; a second of processor time ${line(core)}`);
  sayAim('50 aligned faces a second and core', median(core).toFixed(0), median(core) >= 50);

  const memory = await startContender('uafer, photos', process.execPath, [
    'predictMany.js',
    'photos',
    packagePath('examples', 'photos'),
  ]);
  const resident = [];
  for (let done = STEP; done <= photos; done += STEP) {
    const { rss, seconds } = await memory.pass({ count: STEP });
    resident.push(rss);
    console.log(`${done} photos: ${(rss / 2 ** 20).toFixed(0)} MiB resident, ${(STEP / seconds).toFixed(1)} photos a second`);
  }
  await memory.close();
  const growth = (resident.at(-1) ?? Number.NaN) / (resident[0] ?? Number.NaN);
  sayAim(`memory flat: from photo ${STEP} to the last grown by a tenth at most`, `times ${growth.toFixed(2)}`, growth <= FLAT);
}

/** @typedef {{ min: number, median: number, cpu: number }} Figures */

/**
 * How many times as long the other takes: the aim is reached when both minimum and median say so.
 *
 * @param {string} aim
 * @param {number} least
 * @param {Figures} own
 * @param {Figures} other
 */
function sayRatios(aim, least, own, other) {
  const [min, middle, cpu] = [other.min / own.min, other.median / own.median, other.cpu / own.cpu];
  const said = `times by minimum ${min.toFixed(2)}, median ${middle.toFixed(2)}, processor's time ${cpu.toFixed(2)}`;
  sayAim(aim, said, Math.min(min, middle) >= least);
}

/**
 * @param {string} aim
 * @param {string} figure
 * @param {boolean} reached
 */
function sayAim(aim, figure, reached) {
  console.log(`aim: ${aim}: ${figure}: ${reached ? 'reached' : 'missed'}`);
}
