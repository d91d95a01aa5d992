/**
 * @vladmandic/human's side of align.js: detection of faces alone (no mesh, no emotion) in one decoded photo, on WebAssembly, its models
 * served over loopback HTTP.
 *
 * Usage: node alignHuman.js PEERS PHOTO; detects once for each line that it reads.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import sharp from 'sharp';

const [peers = '', photo = ''] = process.argv.slice(2);
const require = createRequire(join(peers, 'package.json'));
// The package's WebAssembly build takes TensorFlow.js from where it stands itself.
const { Human } = require(join(peers, 'node_modules/@vladmandic/human/dist/human.node-wasm.js'));
const models = join(peers, 'node_modules/@vladmandic/human/models');
const server = createServer((request, response) => response.end(readFileSync(join(models, request.url ?? '')))).listen(
  0,
  '127.0.0.1',
);
await new Promise((listening) => server.once('listening', listening));

const off = { enabled: false };
const human = new Human({
  backend: 'wasm',
  wasmPath: `${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`,
  modelBasePath: `http://127.0.0.1:${server.address().port}/`,
  // Without it a picture like the one before is not looked at again.
  cacheSensitivity: 0,
  filter: off,
  face: {
    enabled: true,
    detector: { maxDetected: 10 },
    mesh: off,
    attention: off,
    iris: off,
    description: off,
    emotion: off,
    antispoof: off,
    liveness: off,
  },
  body: off,
  hand: off,
  object: off,
  gesture: off,
  segmentation: off,
});
await human.load();
server.close();
const { data, info } = await sharp(photo).raw().toBuffer({ resolveWithObject: true });
say({
  versions: `human ${human.version}, TensorFlow.js ${human.tf.version_core} on ${human.tf.getBackend()}, Node.js ${process.version}`,
});

for await (const _ of createInterface({ input: process.stdin })) {
  const pixels = human.tf.tensor(data, [1, info.height, info.width, 3], 'int32');
  const begin = performance.now();
  const { face } = await human.detect(pixels);
  const seconds = (performance.now() - begin) / 1000;
  human.tf.dispose(pixels);
  say({ seconds, faces: face.length });
}
process.exit();

/** @param {object} line */
function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
