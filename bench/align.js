/**
 * Faces found in photos: MTCNN beside facenet-pytorch's on the same photos, decoded before; and the way from a photo's file to aligned
 * faces with BlazeFace beside detection alone by @vladmandic/human. All take turns, because a shared machine's speed drifts. Lists every
 * face that either detector finds.
 *
 *   PYTHON=python3 node bench/align.js [--photos FOLDER] [--photo FILE] [--rounds 5] [--threads 1] [--photo-threads 2] [--python-threads 2]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { decodePicture } from '#uafer/codec/decode.js';
import { alignFace } from '#uafer/faces/alignFace.js';
import { intersectionOverUnion } from '#uafer/faces/boxes.js';
import { createDetector } from '#uafer/runtime/detectors.js';
import { peersFolder } from './peers.js';

const { values } = parseArgs({
  options: {
    photos: { type: 'string', default: 'examples/photos' },
    photo: { type: 'string', default: 'examples/photos/three.jpg' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '1' },
    // One photo at a time leaves the other core free.
    'photo-threads': { type: 'string', default: '2' },
    'python-threads': { type: 'string', default: '2' },
  },
});
const [rounds, threads, photoThreads] = [values.rounds, values.threads, values['photo-threads']].map(Number);
const files = readdirSync(values.photos)
  .filter((file) => ['.jpg', '.jpeg', '.png'].includes(extname(file).toLowerCase()))
  .map((file) => join(values.photos, file));
/** The small network is so quick that one run of it tells little. */
const REPEATS = 10;
const ALIGN = { style: /** @type {const} */ ('similarity'), size: 224, margin: 0 };

const photos = await Promise.all(files.map((file) => decodePicture(file)));
const mtcnn = await createDetector('mtcnn', { threads });
const blazeface = await createDetector('blazeface', { threads: photoThreads });
/** @type {Record<'decoding' | 'detection' | 'alignment', number[]>} */
const stages = { decoding: [], detection: [], alignment: [] };

const runtime = JSON.parse(readFileSync(new URL('../node_modules/onnxruntime-node/package.json', import.meta.url), 'utf8'));
console.log(`${cpus().length} x ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)} before`);
console.log(
  `uafer: ONNX Runtime ${runtime.version} with ${threads} threads (BlazeFace: ${photoThreads}), Node.js ${process.version}`,
);

const careful = [
  { name: 'uafer, MTCNN', pass: () => timed(() => detectAll(mtcnn)), close: async () => {} },
  await child('facenet-pytorch, MTCNN', process.env.PYTHON ?? 'python3', ['align.py', values['python-threads'], ...files]),
];
console.log(
  `\nMTCNN, ${files.length} photos (${photos.map(({ width, height }) => `${width} x ${height}`).join(', ')}), decoded before`,
);
await compare(careful, 1);

const quick = [
  { name: 'uafer, file to aligned faces', pass: () => timed(photoToFaces), close: async () => {} },
  await child('human, detection alone', process.execPath, ['alignHuman.js', peersFolder(), values.photo]),
];
console.log(`\nBlazeFace, ${values.photo}`);
await compare(quick, REPEATS);
console.log(
  `of which ${Object.entries(stages)
    .map(([stage, all]) => `${stage} ${milliseconds(median(all))} ms`)
    .join(', ')} (medians)`,
);

console.log('\nFaces of each photo: left top right bottom (score)');
for (const [i, photo] of photos.entries()) listFaces(files[i] ?? '', await mtcnn.detect(photo), await blazeface.detect(photo));
console.log(`load ${loadavg()[0]?.toFixed(1)} after`);

/** @typedef {{ seconds: number, faces: number }} Pass */
/** @typedef {{ name: string, pass: () => Promise<Pass>, close: () => Promise<void> }} Contender */

/**
 * @param {Contender[]} contenders the first is compared with the second
 * @param {number} repeats passes in each round
 */
async function compare(contenders, repeats) {
  /** @type {Map<string, number[]>} */
  const seconds = new Map(contenders.map(({ name }) => [name, []]));
  const faces = new Map();
  for (let round = -1; round < rounds; round++) {
    for (const { name, pass } of round % 2 === 0 ? contenders : contenders.toReversed()) {
      for (let i = 0; i < repeats; i++) {
        const found = await pass();
        faces.set(name, found.faces);
        // The first round warms up.
        if (round >= 0) seconds.get(name)?.push(found.seconds);
      }
      if (round < 0) for (const all of Object.values(stages)) all.length = 0;
    }
  }
  await Promise.all(contenders.map(({ close }) => close()));
  const [ours = [], theirs = []] = [...seconds.values()];
  console.table(
    [...seconds].map(([name, all]) => ({
      name,
      faces: faces.get(name),
      'min (ms)': milliseconds(Math.min(...all)),
      'median (ms)': milliseconds(median(all)),
    })),
  );
  const ratio = (/** @type {(all: number[]) => number} */ of) => (of(ours) / of(theirs)).toFixed(3);
  console.log(`ratio: min ${ratio((all) => Math.min(...all))}, median ${ratio(median)}`);
}

/** @param {() => Promise<number>} work gives the number of faces */
async function timed(work) {
  const begin = performance.now();
  const faces = await work();
  return { seconds: (performance.now() - begin) / 1000, faces };
}

/** @param {import('#uafer/faces/types.js').Detector} detector */
async function detectAll(detector) {
  let faces = 0;
  for (const photo of photos) faces += (await detector.detect(photo)).length;
  return faces;
}

async function photoToFaces() {
  const begin = performance.now();
  const photo = await decodePicture(values.photo, { upright: true });
  const decoded = performance.now();
  const faces = await blazeface.detect(photo);
  const detected = performance.now();
  for (const face of faces) alignFace(photo, face, ALIGN);
  stages.decoding.push((decoded - begin) / 1000);
  stages.detection.push((detected - decoded) / 1000);
  stages.alignment.push((performance.now() - detected) / 1000);
  return faces.length;
}

/**
 * A process that says its versions, then detects once for each line that it is sent.
 *
 * @param {string} name
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<Contender>}
 */
async function child(name, command, [script = '', ...args]) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const process = spawn(command, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended; it was started as ${command} ${path}`);
    return JSON.parse(value);
  };
  console.log((await read()).versions);
  return {
    name,
    pass: () => {
      process.stdin.write('\n');
      return read();
    },
    close: async () => {
      process.stdin.end();
      if (process.exitCode === null) await once(process, 'exit');
    },
  };
}

/**
 * @param {string} file
 * @param {import('#uafer/faces/types.js').Face[]} byMtcnn
 * @param {import('#uafer/faces/types.js').Face[]} byBlazeface
 */
function listFaces(file, byMtcnn, byBlazeface) {
  const left = new Set(byBlazeface);
  for (const face of byMtcnn) {
    const same = [...left].find((other) => intersectionOverUnion(scoredBox(face), scoredBox(other)) > 0.3);
    if (same) left.delete(same);
    console.log(`${file}  MTCNN ${described(face)}  BlazeFace ${same ? described(same) : 'none'}`);
  }
  for (const face of left) console.log(`${file}  MTCNN none  BlazeFace ${described(face)}`);
}

/** @param {import('#uafer/faces/types.js').Face} face */
function scoredBox({ box: { left, top, width, height }, score }) {
  return { left, top, right: left + width, bottom: top + height, score };
}

/** @param {import('#uafer/faces/types.js').Face} face */
function described(face) {
  const { left, top, right, bottom, score } = scoredBox(face);
  return `${[left, top, right, bottom].map(Math.round).join(' ')} (${score.toFixed(3)})`;
}

/** @param {number[]} numbers */
function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** @param {number} seconds */
function milliseconds(seconds) {
  return (seconds * 1000).toFixed(1);
}
