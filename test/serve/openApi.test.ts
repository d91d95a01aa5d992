import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packagePath } from '#uafer/paths.js';
import { openApi } from '#uafer/serve/openApi.js';
import { BASE64_PATTERN, isBase64, jsonRequestSchema } from '#uafer/serve/schemas.js';
import { SERVE_LIMITS } from '#uafer/serve/settings.js';
import { testService } from '../support/service.js';

const { version } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8'));
const described = openApi({ version, limits: SERVE_LIMITS, secured: false });

describe('the description', () => {
  it('is the one that is published, and the one that a service gives', async () => {
    const published = JSON.parse(readFileSync(packagePath('schemas', 'openapi.json'), 'utf8'));
    expect(published, 'run scripts/write-schemas.js').toEqual(described);
    await using service = await testService();
    expect(await (await fetch(`${service.url}/openapi.json`)).json()).toEqual(published);
  });

  it('names nothing that is not there', () => {
    const text = JSON.stringify(described);
    const { components } = described as { components: { schemas: object } };
    const names = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]);
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) expect(Object.keys(components.schemas)).toContain(name);
    expect(text).not.toContain('"$schema"');
  });
});

describe('base64', () => {
  it('is what the pattern says, and what Node makes', () => {
    const pattern = new RegExp(BASE64_PATTERN);
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 12 }), fc.stringMatching(/^[A-Za-z0-9+/]{0,9}={0,3}$/)), (text) => {
        expect(isBase64(text)).toBe(pattern.test(text));
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        expect(isBase64(Buffer.from(bytes).toString('base64'))).toBe(true);
      }),
    );
  });

  it('of many megabytes is checked without a deep stack', () => {
    const data = 'A'.repeat(2 ** 24);
    expect(jsonRequestSchema(SERVE_LIMITS).safeParse({ pictures: [{ data }] }).success).toBe(true);
    expect(jsonRequestSchema(SERVE_LIMITS).safeParse({ pictures: [{ data: `${data}AAA*` }] }).success).toBe(false);
  });
});
