/** An exported network for predict.js. Usage: node predictNetwork.js FOLDER INPUT THREADS; `{ batch, runs }` a line: pixels in bytes to probabilities. */
import { readFileSync } from 'node:fs';
import { loadNetwork } from '#uafer/onnx/network.js';
import { readModelFolder } from '#uafer/runtime/modelFolder.js';
import { loadOnnxRuntime } from '#uafer/runtime/onnxRuntime.js';
import { serve, timed } from './contenders.js';
import { runtimeVersion } from './runtimeVersion.js';

const [folder = '', input = '', threads = '1'] = process.argv.slice(2);
const { pictures, preprocessing } = JSON.parse(readFileSync(input, 'utf8'));
const { imageSize } = preprocessing;
const pixels = new Uint8Array(readFileSync(pictures));
const { model, network: file } = await readModelFolder(folder);
const { runtime } = await loadOnnxRuntime('native');
const network = await loadNetwork(runtime, file, { name: file, threads: Number(threads) });

const versions = `uafer ${model.network.precision}: ${runtimeVersion()}, threads: ${threads}, Node.js ${process.version}`;
await serve(versions, async ({ batch, runs }) => {
  const shape = [batch, imageSize, imageSize, 3];
  const taken = pixels.slice(0, batch * imageSize * imageSize * 3);
  const seconds = [];
  const { result, cpu } = await timed(async () => {
    let logits;
    for (let i = 0; i < runs; i++) {
      const begin = performance.now();
      const outputs = await network.run(taken, shape);
      if (outputs('probabilities').data.length !== batch * model.classes.length) throw new Error('other probabilities');
      seconds.push((performance.now() - begin) / 1000);
      logits = outputs('logits').data;
    }
    return logits;
  });
  return { batch, seconds, cpu, logits: Array.from(result) };
});
