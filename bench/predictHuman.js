/** @vladmandic/human's side of predict.js: detection and emotions, nothing else. Usage: node predictHuman.js PEERS PHOTO; once for each line. */
import sharp from 'sharp';
import { serve, timed } from './contenders.js';
import { loadHuman } from './loadHuman.js';

const [peers = '', photo = ''] = process.argv.slice(2);
const { human, versions } = await loadHuman(peers, { emotion: { enabled: true } });

await serve(versions, async () => {
  const { result, ...time } = await timed(async () => {
    const { data, info } = await sharp(photo).raw().toBuffer({ resolveWithObject: true });
    const pixels = human.tf.tensor(data, [1, info.height, info.width, 3], 'int32');
    const { face } = await human.detect(pixels);
    human.tf.dispose(pixels);
    return face;
  });
  const fromLeft = result.toSorted((a, b) => a.box[0] - b.box[0]);
  return { ...time, expressions: fromLeft.map(({ emotion }) => emotion?.[0]?.emotion ?? 'none') };
});
