import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { ablationSchema, crossValidationSchema } from '#uafer/experiments/resultFiles.js';
import { packagePath } from '#uafer/paths.js';

it.each(Object.entries({ ablation: ablationSchema, crossval: crossValidationSchema }))(
  "the published schema of %s.json is the code's own",
  (name, schema) => {
    const published = JSON.parse(readFileSync(packagePath('schemas', `${name}.schema.json`), 'utf8'));
    expect(published, 'run scripts/write-schemas.js').toEqual(
      JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io: 'input' }))),
    );
  },
);
