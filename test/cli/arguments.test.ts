import { expect, test } from 'vitest';
import { normaliseArguments, wholeNumber } from '#uafer/cli/arguments.js';

test('underscores and "lamda" in option names become ours; values and what follows -- stay', () => {
  expect(
    normaliseArguments(['train', '--lamda_kd', '1', '--fix_layer=2', '--data_path=/a_b', 'some_value', '--lambda-ruc']),
  ).toEqual(['train', '--lambda-kd', '1', '--fix-layer=2', '--data-path=/a_b', 'some_value', '--lambda-ruc']);
  expect(normaliseArguments(['--a_b', '--', '--a_b'])).toEqual(['--a-b', '--', '--a_b']);
});

test('whole numbers within a range are read, and nothing else', () => {
  expect(['1', '256', ' 7 '].map(wholeNumber(1, 256))).toEqual([1, 256, 7]);
  for (const text of ['0', '257', '2.5', '', ' ', 'three', 'NaN', '1e3'])
    expect(() => wholeNumber(1, 256)(text)).toThrow('Expected a whole number from 1 to 256.');
  expect(wholeNumber(0)('100000')).toBe(100000);
  for (const text of ['-1', 'Infinity']) expect(() => wholeNumber(0)(text)).toThrow('Expected a whole number of at least 0.');
});
