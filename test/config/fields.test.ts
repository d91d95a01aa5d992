import { expect, test } from 'vitest';
import { configFields, leafName, optionName } from '#uafer/config/fields.js';

test('every setting has an option of its own and says what it is', () => {
  const fields = [...configFields.values()].filter(({ kind }) => kind !== 'structure');
  const options = fields.map(({ option }) => option);
  expect(new Set(options).size).toBe(options.length);
  for (const { path, description } of fields) expect(description, path).not.toBe('');
});

test('options are the leaf names with hyphens', () => {
  expect(optionName('optimizer.fixLayer')).toBe('--fix-layer');
  expect(leafName('optimizer.fixLayer')).toBe('fixLayer');
  expect(optionName('seed')).toBe('--seed');
});

test('kinds and choices come from the schema, defaults or not', () => {
  expect(configFields.get('workers')).toMatchObject({ kind: 'number' });
  expect(configFields.get('data.centerCrop')).toMatchObject({ kind: 'boolean' });
  expect(configFields.get('model.branch')).toMatchObject({ kind: 'text', choices: ['both', 'global', 'local'] });
});
