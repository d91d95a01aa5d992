import { expect, test } from 'vitest';
import { choosePrecision, precisionNote } from '#uafer/task/precision.js';

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

test('takes bf16 by itself on a GPU and where the processor has instructions for it', () => {
  const auto = { precision: 'auto', device: 'cpu' } as const;
  expect(choosePrecision(auto, true)).toBe('bf16');
  expect(choosePrecision(auto, false)).toBe('fp32');
  expect(choosePrecision(auto, null)).toBe('fp32');
  expect(choosePrecision({ ...auto, device: 'cuda' }, false)).toBe('bf16');
  expect(choosePrecision({ ...auto, precision: 'fp32' }, true)).toBe('fp32');
  expect(choosePrecision({ ...auto, precision: 'bf16' }, false)).toBe('bf16');
});
