/**
 * @vladmandic/face-api's side of predict.js. Usage: node predictFaceApi.js PEERS PHOTO WAY; once for each line. The first way of the package's
 * tutorial is `aligned`: faces are found by its default detector, turned by their landmarks, and classified; `plain` leaves the landmarks out,
 * and `tiny` takes its small detector too.
 */
import sharp from 'sharp';
import { serve, timed } from './contenders.js';
import { loadFaceApi } from './loadFaceApi.js';

const NETWORKS = {
  aligned: ['ssdMobilenetv1', 'faceLandmark68Net', 'faceExpressionNet'],
  plain: ['ssdMobilenetv1', 'faceExpressionNet'],
  tiny: ['tinyFaceDetector', 'faceExpressionNet'],
};
const [peers = '', photo = '', way = ''] = process.argv.slice(2);
const { faceApi, versions } = await loadFaceApi(peers, NETWORKS[way]);
const options = way === 'tiny' ? new faceApi.TinyFaceDetectorOptions() : new faceApi.SsdMobilenetv1Options();

await serve(`${versions}: ${NETWORKS[way].join(', ')}`, async () => {
  const { result, ...time } = await timed(async () => {
    const { data, info } = await sharp(photo).raw().toBuffer({ resolveWithObject: true });
    const pixels = faceApi.tf.tensor(data, [info.height, info.width, 3], 'int32');
    const found = faceApi.detectAllFaces(pixels, options);
    const faces = await (way === 'aligned' ? found.withFaceLandmarks() : found).withFaceExpressions();
    faceApi.tf.dispose(pixels);
    return faces;
  });
  const fromLeft = result.toSorted((a, b) => a.detection.box.x - b.detection.box.x);
  return { ...time, expressions: fromLeft.map(({ expressions }) => expressions.asSortedArray()[0].expression) };
});
