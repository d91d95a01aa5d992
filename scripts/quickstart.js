/**
 * The main job on real pictures, with the real commands: trains UA-FER on the example faces, evaluates it, and says where
 * everything is. Options are handed to `uafer train`, e.g. `npm run quickstart -- --clip-path ViT-B-16.pt`.
 *
 * A CLIP ViT-B/16 that was downloaded is used; without one, the small backbone that is shipped. Training ends after 6 minutes at
 * the latest, so that a large backbone on a small machine shows a result too.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const UAFER = 'dist/cli/main.js';
const run = `runs/quickstart-${new Date().toISOString().slice(0, 19).replace(/[T:]/g, '-')}`;

function uafer(...args) {
  console.log(`\n$ uafer ${args.join(' ')}`);
  const { status, signal } = spawnSync(process.execPath, [UAFER, ...args], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exit(signal ? 130 : (status ?? 1));
}

const training = ['--recipe', 'quickstart', '--data-path', 'examples/faces', '--out', run, ...process.argv.slice(2)];
uafer('train', ...training);
uafer('eval', '--checkpoint', `${run}/checkpoints/best`, '--predictions', `${run}/predictions.json`);
console.log(`\nThe run folder is ${run}: report.html shows its curves, predictions.json every answer with its uncertainty.`);
