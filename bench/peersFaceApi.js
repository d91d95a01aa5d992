/** @vladmandic/face-api's side of peers.js. Usage: node peersFaceApi.js LIST PEERS; `{ found }` a line. */
import { serve } from './contenders.js';
import { answerAll, largest, listedFiles, rgbPixels } from './facePictures.js';
import { loadFaceApi } from './loadFaceApi.js';

const [list = '', peers = ''] = process.argv.slice(2);
const files = listedFiles(list);
const { faceApi, versions } = await loadFaceApi(peers, ['ssdMobilenetv1', 'faceLandmark68Net', 'faceExpressionNet']);

await serve(versions, ({ found }) =>
  answerAll(files, rgbPixels, async ({ data, width, height }) => {
    const pixels = faceApi.tf.tensor(data, [height, width, 3], 'int32');
    const expressions = await (found ? ofLargestFace(pixels) : faceApi.nets.faceExpressionNet.predictExpressions(pixels));
    faceApi.tf.dispose(pixels);
    return expressions?.asSortedArray()[0].expression ?? null;
  }),
);

/** By its default detector, turned by its landmarks. */
async function ofLargestFace(pixels) {
  const faces = await faceApi.detectAllFaces(pixels).withFaceLandmarks().withFaceExpressions();
  return largest(faces, ({ detection }) => detection.box.area)?.expressions;
}
