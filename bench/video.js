/**
 * `npm run bench video [-- --parts speed,memory --rounds 3 --every 10]`: frames a second of a video of 1280 x 720 with three faces in a pan, decoded,
 * searched, followed and fused, against its own 30 a second; and memory over an hour of it, 108,000 frames of which every N-th is looked at.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createPredictor, predictVideo } from '../dist/node/index.js';
import { runtimeVersion } from './runtimeVersion.js';

const RATE = 30;
const HOUR = 3600;
/** Seconds of the clip, which the hour repeats. */
const CLIP = 10;

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: 'speed,memory' },
    rounds: { type: 'string', default: '3' },
    every: { type: 'string', default: '10' },
    seconds: { type: 'string', default: String(HOUR) },
    threads: { type: 'string', default: String(Math.min(4, availableParallelism())) },
  },
});
const parts = values.parts.split(',');
const require = createRequire(import.meta.url);
// The ffmpeg of the tests, which is the same everywhere, behind one that is installed.
process.env.PATH = [
  process.env.PATH,
  dirname(require('@ffmpeg-installer/ffmpeg').path),
  dirname(require('@ffprobe-installer/ffprobe').path),
].join(delimiter);

const folder = mkdtempSync(join(tmpdir(), 'uafer-bench-'));
const predictor = await createPredictor({ threads: Number(values.threads) });
try {
  const clip = makeClip();
  const { name, network } = predictor.model;
  const ffmpeg = /^\S+ \S+ (\S+)/.exec(String(spawnSync('ffmpeg', ['-version']).stdout))?.[1];
  console.log(
    `1280 x 720, three faces, model ${name} in ${network.precision}, BlazeFace, ${values.threads} threads, ${runtimeVersion()}, ffmpeg ${ffmpeg}`,
  );
  if (parts.includes('speed')) await speed(clip);
  if (parts.includes('memory')) await memory(clip);
} finally {
  await predictor.close();
  rmSync(folder, { recursive: true });
}

function makeClip() {
  const photo = fileURLToPath(new URL('../examples/photos/three.jpg', import.meta.url));
  const pan = `scale=1400:-1,crop=1280:720:'60+60*sin(2*PI*t/${CLIP})':80`;
  const file = join(folder, 'clip.mp4');
  run([
    '-loop',
    '1',
    '-framerate',
    String(RATE),
    '-t',
    String(CLIP),
    '-i',
    photo,
    '-vf',
    pan,
    '-c:v',
    'libx264',
    '-pix_fmt',
    'yuv420p',
    file,
  ]);
  return file;
}

/** @param {string[]} args */
function run(args) {
  const { status, stderr } = spawnSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-y', ...args]);
  if (status !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${stderr}`);
}

/** @param {string} clip */
async function speed(clip) {
  for (const every of [1, 2, 5]) {
    const rates = [];
    for (let round = 0; round <= Number(values.rounds); round++) {
      const begin = performance.now();
      const { count, faces } = await through(clip, every);
      const seconds = (performance.now() - begin) / 1000;
      if (faces !== 3 * count) throw new Error(`${faces} faces in ${count} frames: expected three in each`);
      // The first one loads the detector.
      if (round > 0) rates.push({ looked: count / seconds, real: CLIP / seconds });
    }
    rates.sort((a, b) => a.looked - b.looked);
    const median = rates[rates.length >> 1];
    const best = rates.at(-1);
    console.log(
      `every ${every}: ${median?.looked.toFixed(1)} frames looked at a second (best ${best?.looked.toFixed(1)}), ` +
        `${median?.real.toFixed(2)} times real time (best ${best?.real.toFixed(2)})`,
    );
  }
}

/**
 * @param {string} clip
 * @param {number} every
 */
async function through(clip, every) {
  let [count, faces] = [0, 0];
  for await (const frame of predictVideo(predictor, clip, { every })) {
    count++;
    faces += frame.faces.length;
  }
  return { count, faces };
}

/** @param {string} clip */
async function memory(clip) {
  const seconds = Number(values.seconds);
  const every = Number(values.every);
  const long = join(folder, 'long.mp4');
  run(['-stream_loop', String(seconds / CLIP - 1), '-i', clip, '-c', 'copy', long]);
  const step = Math.max(1, Math.round((seconds * RATE) / every / 20));
  const megabytes = () => Math.round(process.memoryUsage().rss / 1e6);
  const begin = performance.now();
  let [count, most] = [0, 0];
  const said = [];
  for await (const { frame, faces } of predictVideo(predictor, long, { every })) {
    if (faces.length !== 3) throw new Error(`frame ${frame} has ${faces.length} faces: expected three`);
    count++;
    if (count % 20 === 0) most = Math.max(most, megabytes());
    if (count % step !== 0) continue;
    said.push(most);
    most = 0;
  }
  const took = (performance.now() - begin) / 1000;
  console.log(
    `${seconds * RATE} frames, ${count} looked at, in ${took.toFixed(0)} s (${(seconds / took).toFixed(2)} times real time). ` +
      `Largest resident memory in each twentieth, MB: ${said.join(', ')}`,
  );
}
