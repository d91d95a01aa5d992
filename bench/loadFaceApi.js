/** @vladmandic/face-api on WebAssembly, from the folder of the peers, with the networks that come with it. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * @param {string} peers
 * @param {string[]} networks as the package names them, e.g. `ssdMobilenetv1`
 */
export async function loadFaceApi(peers, networks) {
  const require = createRequire(join(peers, 'package.json'));
  const wasm = require('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  const folder = join(peers, 'node_modules/@vladmandic/face-api');
  const faceApi = require(join(folder, 'dist/face-api.node-wasm.js'));
  await faceApi.tf.setBackend('wasm');
  await faceApi.tf.ready();
  for (const network of networks) await faceApi.nets[network].loadFromDisk(join(folder, 'model'));
  const versions = `face-api ${faceApi.version}, TensorFlow.js ${faceApi.tf.version_core} on ${faceApi.tf.getBackend()}, Node.js ${process.version}`;
  return { faceApi, versions };
}
