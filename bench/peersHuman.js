/** @vladmandic/human's side of peers.js. Usage: node peersHuman.js LIST PEERS; `{ found }` a line. */
import { serve } from './contenders.js';
import { answerAll, largest, listedFiles, rgbPixels } from './facePictures.js';
import { loadHuman } from './loadHuman.js';

const [list = '', peers = ''] = process.argv.slice(2);
const files = listedFiles(list);
const { human, versions } = await loadHuman(peers, { emotion: { enabled: true } });
const { tf } = human;
const network = human.models.models.emotion;
/** The order of its outputs, and its weights of red, green and blue, both from the package's src/gear/emotion.ts. */
const NAMES = ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'];
const LUMA = [0.2989, 0.587, 0.114];
/** Sides of the face that its detector cuts out, and that its network takes. */
const [FACE, INPUT] = [256, 64];

await serve(versions, ({ found }) => answerAll(files, rgbPixels, found ? ofLargestFace : ofWholePicture));

async function ofLargestFace({ data, width, height }) {
  const pixels = tf.tensor(data, [1, height, width, 3], 'int32');
  const { face } = await human.detect(pixels);
  tf.dispose(pixels);
  return largest(face, ({ box }) => box[2] * box[3])?.emotion?.[0]?.emotion ?? null;
}

/** With the whole picture as the box of the face, as the package goes on from there. */
async function ofWholePicture({ data, width, height }) {
  const scores = tf.tidy(() => {
    const pixels = tf.cast(tf.tensor(data, [1, height, width, 3], 'int32'), 'float32');
    const face = tf.div(tf.image.cropAndResize(pixels, [[0, 0, 1, 1]], [0], [FACE, FACE]), 255);
    const small = tf.image.resizeBilinear(face, [INPUT, INPUT], false);
    const grey = tf.sum(tf.mul(small, LUMA), 3, true);
    return network.execute(tf.mul(tf.sub(grey, 0.5), 2));
  });
  const values = await scores.data();
  tf.dispose(scores);
  return NAMES[values.indexOf(Math.max(...values))] ?? null;
}
