/**
 * Turns a finished run of `--recipe small-clip` into the weights that are shipped: its averaged weights as fp16, with OpenAI's names,
 * in one safetensors file.
 *
 *   node scripts/ship-backbone.js RUN OUT
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { ops, scope } from '#uafer/engine/index.js';
import { writeSafetensors } from '#uafer/engine/safetensors.js';
import { readCheckpointDescription, readCheckpointWeights } from '#uafer/run/checkpoint.js';
import { descriptionMetadata } from '#uafer/task/modelDescription.js';

const [run, out] = process.argv.slice(2);
if (!run || !out) {
  console.error('usage: node scripts/ship-backbone.js RUN OUT');
  process.exit(2);
}

const checkpoint = join(run, 'checkpoints', 'best');
const weights = readCheckpointWeights(checkpoint);
const { preprocessing } = readCheckpointDescription(checkpoint);
const half = scope(() => Object.fromEntries(Object.entries(weights).map(([name, x]) => [name, ops.toDtype(x, 'float16')])));
writeSafetensors(out, half, {
  format: 'OpenAI CLIP names; visual.stem.* in place of visual.conv1',
  trained_on: 'FER+ (labels MIT, pictures of FER2013) and muxspace/facial_expressions (Apache-2.0)',
  card: 'recipes/small-clip/README.md',
  ...descriptionMetadata({ preprocessing }),
});
console.log(`${out}: ${(statSync(out).size / 2 ** 20).toFixed(1)} MiB, ${Object.keys(half).length} tensors`);
