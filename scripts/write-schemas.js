/** Writes the JSON schemas of what the program writes for others to read, into `schemas/`, from the code's own. A test holds them to it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ablationSchema, crossValidationSchema } from '#uafer/experiments/resultFiles.js';
import { modelSchema } from '#uafer/predict/modelFile.js';
import { predictionLineSchema } from '#uafer/predict/predictionLine.js';
import { videoLineSchema } from '#uafer/predict/videoLine.js';
import { openApi } from '#uafer/serve/openApi.js';
import { SERVE_LIMITS } from '#uafer/serve/settings.js';

const folder = fileURLToPath(new URL('../schemas/', import.meta.url));
mkdirSync(folder, { recursive: true });
const schemas = {
  model: modelSchema,
  prediction: predictionLineSchema,
  video: videoLineSchema,
  ablation: ablationSchema,
  crossval: crossValidationSchema,
};
for (const [name, schema] of Object.entries(schemas))
  writeFileSync(`${folder}${name}.schema.json`, `${JSON.stringify(z.toJSONSchema(schema, { io: 'input' }), null, 2)}\n`);

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const described = openApi({ version, limits: SERVE_LIMITS, secured: false });
writeFileSync(`${folder}openapi.json`, `${JSON.stringify(described, null, 2)}\n`);
