/**
 * Turns a finished run of pre-training (`--recipe small-clip`, `residual-clip`) into weights that can be shipped: its averaged weights as fp16, with
 * OpenAI's names, in one safetensors file. The best ones were chosen by the test pictures of the run; `last` takes those of the end.
 *
 *   node scripts/ship-backbone.js RUN OUT [best|last]
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ops, scope } from '#uafer/engine/index.js';
import { writeSafetensors } from '#uafer/engine/safetensors.js';
import { readCheckpointDescription, readCheckpointWeights } from '#uafer/run/checkpoint.js';
import { descriptionMetadata } from '#uafer/task/modelDescription.js';

const [run, out, which = 'best'] = process.argv.slice(2);
if (!run || !out || !['best', 'last'].includes(which)) {
  console.error('usage: node scripts/ship-backbone.js RUN OUT [best|last]');
  process.exit(2);
}

const checkpoint = join(run, 'checkpoints', which);
const weights = readCheckpointWeights(checkpoint);
const { recipe } = parse(readFileSync(join(run, 'config.yaml'), 'utf8'));
const { preprocessing } = readCheckpointDescription(checkpoint);
const half = scope(() => Object.fromEntries(Object.entries(weights).map(([name, x]) => [name, ops.toDtype(x, 'float16')])));
writeSafetensors(out, half, {
  format: 'OpenAI CLIP names; visual.stem.* in place of visual.conv1',
  trained_on: 'FER+ (labels MIT, pictures of FER2013) and muxspace/facial_expressions (Apache-2.0)',
  card: `recipes/${recipe.replace(/-finish$/, '')}/README.md`,
  ...descriptionMetadata({ preprocessing }),
});
console.log(`${out}: ${(statSync(out).size / 2 ** 20).toFixed(1)} MiB, ${Object.keys(half).length} tensors`);
