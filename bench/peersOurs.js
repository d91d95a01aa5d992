/** The package with its default model for peers.js. Usage: node peersOurs.js LIST; `{ found }` a line. */
import { decodePicture } from '#uafer/codec/decode.js';
import { createPredictor } from '../dist/node/index.js';
import { serve } from './contenders.js';
import { answerAll, listedFiles } from './facePictures.js';

const files = listedFiles(process.argv[2] ?? '');
const predictor = await createPredictor({ threads: 1 });
const { name, network } = predictor.model;

await serve(`uafer: model ${name} (${network.precision}, SHA-256 ${network.sha256.slice(0, 12)})`, ({ found }) =>
  answerAll(files, decodePicture, async (picture) => {
    const { faces } = await predictor.predict({ ...picture, channels: 3 }, { aligned: !found, faces: 'largest' });
    return faces[0]?.expression ?? null;
  }),
);
