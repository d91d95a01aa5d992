import { expect, test } from 'vitest';
import { normaliseArguments } from '#uafer/cli/arguments.js';

test('underscores and "lamda" in option names become ours; values and what follows -- stay', () => {
  expect(
    normaliseArguments(['train', '--lamda_kd', '1', '--fix_layer=2', '--data_path=/a_b', 'some_value', '--lambda-ruc']),
  ).toEqual(['train', '--lambda-kd', '1', '--fix-layer=2', '--data-path=/a_b', 'some_value', '--lambda-ruc']);
  expect(normaliseArguments(['--a_b', '--', '--a_b'])).toEqual(['--a-b', '--', '--a_b']);
});
