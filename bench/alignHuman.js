/**
 * @vladmandic/human's side of align.js: detection of faces alone (no mesh, no emotion) in one decoded photo.
 *
 * Usage: node alignHuman.js PEERS PHOTO; detects once for each line that it reads.
 */
import sharp from 'sharp';
import { serve } from './contenders.js';
import { loadHuman } from './loadHuman.js';

const [peers = '', photo = ''] = process.argv.slice(2);
const { human, versions } = await loadHuman(peers, {});
const { data, info } = await sharp(photo).raw().toBuffer({ resolveWithObject: true });

await serve(versions, async () => {
  const pixels = human.tf.tensor(data, [1, info.height, info.width, 3], 'int32');
  const begin = performance.now();
  const { face } = await human.detect(pixels);
  const seconds = (performance.now() - begin) / 1000;
  human.tf.dispose(pixels);
  return { seconds, faces: face.length };
});
