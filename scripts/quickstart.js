/**
 * The main job on real pictures, with the real commands: trains UA-FER's network on the example faces, evaluates it before and after, asks what it
 * makes of a photo, and says where everything is. Options are handed to `uafer train`, e.g. `npm run quickstart -- --clip-path ViT-B-16.pt`.
 *
 * A CLIP ViT-B/16 that was downloaded is used; without one, the small backbone that is shipped. Training ends after 6 minutes at
 * the latest, so that a large backbone on a small machine shows a result too.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const UAFER = 'dist/cli/main.js';
const PHOTO = 'examples/photos/three.jpg';
const run = `runs/quickstart-${new Date().toISOString().slice(0, 19).replace(/[T:]/g, '-')}`;

/** Runs a command of the program and returns what it printed, where that is asked for. */
function uafer(args, stdout = 'inherit') {
  console.log(`\n$ uafer ${args.join(' ')}`);
  const options = { cwd: ROOT, stdio: ['inherit', stdout, 'inherit'], encoding: 'utf8' };
  const { status, signal, stdout: printed } = spawnSync(process.execPath, [UAFER, ...args], options);
  if (status !== 0) process.exit(signal ? 130 : (status ?? 1));
  return printed;
}

const evaluated = (...args) => JSON.parse(uafer(['eval', ...args, '--json'], 'pipe'));

uafer(['train', '--recipe', 'quickstart', '--data-path', 'examples/faces', '--out', run, ...process.argv.slice(2)]);
// What the training started from: CLIP's weights, which classify by the names of the classes alone.
const clip = JSON.parse(
  `"${/^clipPath: "?(.*?)"?$/m.exec(readFileSync(new URL(`../${run}/config.yaml`, import.meta.url), 'utf8'))[1]}"`,
);
const before = evaluated('--checkpoint', clip, '--config', `${run}/config.yaml`);
// The weights at the end: the best ones were chosen by the test pictures, as in the released code, so that their figures flatter.
const after = evaluated('--checkpoint', `${run}/checkpoints/last`, '--predictions', `${run}/predictions.json`);

const percent = (value) => (value === null ? '-' : `${(100 * value).toFixed(2)}%`);
const decimal = (value) => (value === null ? '-' : value.toFixed(4));
const ROWS = [
  ['accuracy', 'accuracy', percent],
  ['mean class accuracy', 'meanClassAccuracy', percent],
  ['test loss', 'loss', decimal],
  ['AUROC of uncertainty for errors (0.5 is chance)', 'errorAuroc', decimal],
  ['area under risk-coverage curve (less is better)', 'areaUnderRiskCoverage', decimal],
];
console.log(
  `\n${`${after.samples} test pictures of people who are not in training`.padEnd(52)}${'zero-shot'.padStart(10)}${'trained'.padStart(10)}`,
);
for (const [title, name, format] of ROWS) {
  console.log(`${title.padEnd(52)}${format(before[name]).padStart(10)}${format(after[name]).padStart(10)}`);
}
const step = percent(1 / after.samples);
console.log(`\nOne picture is ${step}: these are too few to measure accuracy by.`);

// What was trained, as an application has it: without libtorch, from a photo to its faces' expressions.
uafer(['export', `${run}/checkpoints/last`, '--to', `${run}/model`, '--quiet']);
uafer(['predict', PHOTO, '--model', `${run}/model`, '--overlay', `${run}/photos`]);
console.log(
  `\nThe run folder is ${run}: report.html shows its curves, predictions.json every answer with its uncertainty, photos/ the photo with its faces.`,
);
