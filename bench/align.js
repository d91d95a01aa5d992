/**
 * Faces found in photos: MTCNN beside facenet-pytorch's on the same photos, decoded before; and the way from a photo's file to aligned
 * faces with BlazeFace beside detection alone by @vladmandic/human. All take turns, because a shared machine's speed drifts. Lists every
 * face that either detector finds.
 *
 *   PYTHON=python3 node bench/align.js [--photos FOLDER] [--photo FILE] [--rounds 5] [--threads 1] [--photo-threads 2] [--python-threads 2]
 */
import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { decodePicture } from '#uafer/codec/decode.js';
import { alignFace } from '#uafer/faces/alignFace.js';
import { intersectionOverUnion } from '#uafer/faces/boxes.js';
import { createDetector } from '#uafer/runtime/detectors.js';
import { median, milliseconds, sayLoad, sayMachine, startContender, takeTurns } from './contenders.js';
import { peersFolder } from './peersFolder.js';
import { runtimeVersion } from './runtimeVersion.js';

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

sayMachine();
console.log(`uafer: ${runtimeVersion()} with ${threads} threads (BlazeFace: ${photoThreads}), Node.js ${process.version}`);

const careful = [
  { name: 'uafer, MTCNN', pass: () => timed(() => detectAll(mtcnn)), close: async () => {} },
  await startContender('facenet-pytorch, MTCNN', process.env.PYTHON ?? 'python3', [
    'align.py',
    values['python-threads'],
    ...files,
  ]),
];
console.log(
  `\nMTCNN, ${files.length} photos (${photos.map(({ width, height }) => `${width} x ${height}`).join(', ')}), decoded before`,
);
await compare(careful, 1);

const quick = [
  { name: 'uafer, file to aligned faces', pass: () => timed(photoToFaces), close: async () => {} },
  await startContender('human, detection alone', process.execPath, ['alignHuman.js', peersFolder(), values.photo]),
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
sayLoad();

/** @typedef {{ seconds: number, faces: number }} Pass */

/**
 * @param {import('./contenders.js').Contender<Pass>[]} contenders the first is compared with the second
 * @param {number} passes in each round
 */
async function compare(contenders, passes) {
  const clear = () => {
    for (const all of Object.values(stages)) all.length = 0;
  };
  const answers = await takeTurns(contenders, { rounds, passes, onWarm: clear });
  await Promise.all(contenders.map(({ close }) => close()));
  const seconds = [...answers].map(([name, all]) => ({ name, faces: all[0]?.faces, all: all.map((pass) => pass.seconds) }));
  console.table(
    seconds.map(({ name, faces, all }) => ({
      name,
      faces,
      'min (ms)': milliseconds(Math.min(...all)),
      'median (ms)': milliseconds(median(all)),
    })),
  );
  const [ours, theirs] = seconds.map(({ all }) => all);
  const ratio = (/** @type {(all: number[]) => number} */ of) => (of(ours ?? []) / of(theirs ?? [])).toFixed(3);
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
