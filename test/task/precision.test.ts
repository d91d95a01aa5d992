import { expect, test } from 'vitest';
import { precisionNote } from '#uafer/task/precision.js';

const bf16 = { precision: 'bf16', device: 'cpu' } as const;

test('bf16 on a processor that cannot is told of, with what it costs', () => {
  expect(precisionNote(bf16, false)).toMatch(/no instructions for bf16 .*9 to 13 times as long as with --precision fp32/);
});

test('nothing is said where it is fast, not known, or not asked for', () => {
  expect(precisionNote(bf16, true)).toBeNull();
  expect(precisionNote(bf16, null)).toBeNull();
  expect(precisionNote({ ...bf16, device: 'cuda' }, false)).toBeNull();
  expect(precisionNote({ ...bf16, precision: 'fp32' }, false)).toBeNull();
});
