/** @vladmandic/human on WebAssembly, from the folder of the peers, its models served over loopback HTTP: it reads none from the disk there. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const OFF = { enabled: false };

/**
 * Finds faces, and no more than what `face` switches on: mesh, irises, descriptions, bodies and hands are on in the package's defaults, and
 * would cost it time.
 *
 * @param {string} peers
 * @param {object} face
 */
export async function loadHuman(peers, face) {
  const require = createRequire(join(peers, 'package.json'));
  // The package's WebAssembly build takes TensorFlow.js from where it stands itself.
  const { Human } = require(join(peers, 'node_modules/@vladmandic/human/dist/human.node-wasm.js'));
  const models = join(peers, 'node_modules/@vladmandic/human/models');
  const server = createServer((request, response) => response.end(readFileSync(join(models, request.url ?? '')))).listen(
    0,
    '127.0.0.1',
  );
  await new Promise((listening) => server.once('listening', listening));
  const human = new Human({
    backend: 'wasm',
    wasmPath: `${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`,
    modelBasePath: `http://127.0.0.1:${server.address().port}/`,
    // Without it a picture like the one before is not looked at again.
    cacheSensitivity: 0,
    filter: OFF,
    face: {
      enabled: true,
      detector: { maxDetected: 10 },
      mesh: OFF,
      attention: OFF,
      iris: OFF,
      description: OFF,
      emotion: OFF,
      antispoof: OFF,
      liveness: OFF,
      ...face,
    },
    body: OFF,
    hand: OFF,
    object: OFF,
    gesture: OFF,
    segmentation: OFF,
  });
  await human.load();
  server.close();
  const versions = `human ${human.version}, TensorFlow.js ${human.tf.version_core} on ${human.tf.getBackend()}, Node.js ${process.version}`;
  return { human, versions };
}
