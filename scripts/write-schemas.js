/** Writes the JSON schemas of what the program writes for others to read, into `schemas/`, from the code's own. A test holds them to it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { modelSchema } from '#uafer/predict/modelFile.js';
import { predictionLineSchema } from '#uafer/predict/predictionLine.js';

const folder = fileURLToPath(new URL('../schemas/', import.meta.url));
mkdirSync(folder, { recursive: true });
for (const [name, schema] of Object.entries({ model: modelSchema, prediction: predictionLineSchema }))
  writeFileSync(`${folder}${name}.schema.json`, `${JSON.stringify(z.toJSONSchema(schema, { io: 'input' }), null, 2)}\n`);
