import { expect, test } from 'vitest';
import { tf32 } from '#uafer/engine/index.js';
import { prepareEngine } from '#uafer/task/prepareEngine.js';
import { testConfig } from '../support/runConfig.js';

test('TF32 is for GPUs, and nobody gets it who has not asked for it', () => {
  const config = testConfig('run');
  expect(() => prepareEngine({ ...config, precision: 'tf32', device: 'cpu' })).toThrow(
    expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('--precision tf32 is for GPUs') }),
  );
  prepareEngine({ ...config, precision: 'fp32', device: 'cpu' });
  expect(tf32()).toBe(false);
});
