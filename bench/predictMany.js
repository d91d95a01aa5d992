/**
 * Many pictures for predict.js. `node predictMany.js faces FOLDER` predicts the folder's aligned faces once for each line, with the processor's
 * time; `photos FOLDER` goes on with the folder's photos, over and over again, `{ count }` a line, with the memory in use.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createPredictor } from '../dist/node/index.js';
import { serve, timed } from './contenders.js';
import { runtimeVersion } from './runtimeVersion.js';

const [what = '', folder = ''] = process.argv.slice(2);
const files = readdirSync(folder)
  .sort()
  .map((file) => join(folder, file));
const predictor = await createPredictor({ threads: 1 });
const { name, network } = predictor.model;
const versions = `uafer, ${files.length} ${what}: model ${name} in ${network.precision}, ${runtimeVersion()}, Node.js ${process.version}`;

if (what === 'faces') await serve(versions, allFaces);
else {
  const predictions = predictor.predictMany(overAndOver());
  await serve(versions, ({ count }) => next(predictions, count));
}

async function allFaces() {
  const { result, ...time } = await timed(async () => {
    let count = 0;
    for await (const each of predictor.predictMany(files, { aligned: true })) {
      if ('error' in each) throw each.error;
      count += each.prediction.faces.length;
    }
    return count;
  });
  return { count: result, ...time };
}

/**
 * @param {ReturnType<typeof predictor.predictMany>} predictions
 * @param {number} count
 */
async function next(predictions, count) {
  const begin = performance.now();
  for (let i = 0; i < count; i++) {
    const { value } = await predictions.next();
    if (!value || 'error' in value) throw value?.error ?? new Error('the photos ended');
  }
  return { seconds: (performance.now() - begin) / 1000, rss: process.memoryUsage().rss };
}

function* overAndOver() {
  while (true) yield* files;
}
