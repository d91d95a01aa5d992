/** The package's own way for predict.js, with its default model. Usage: node predictPhoto.js PHOTO THREADS; once for each line. */
import { createPredictor } from '../dist/node/index.js';
import { serve, timed } from './contenders.js';
import { runtimeVersion } from './runtimeVersion.js';

const [photo = '', threads = '1'] = process.argv.slice(2);
const predictor = await createPredictor({ threads: Number(threads) });
const { name, network } = predictor.model;

const versions = `uafer: threads: ${threads}, model ${name} in ${network.precision}, BlazeFace, ${runtimeVersion()}, Node.js ${process.version}`;
await serve(versions, async () => {
  const { result, ...time } = await timed(() => predictor.predict(photo));
  const fromLeft = result.faces.toSorted((a, b) => a.box.left - b.box.left);
  return { ...time, expressions: fromLeft.map(({ expression }) => expression) };
});
