import { expect, it } from 'vitest';
import { compare, refuseLoss } from '#uafer/export/compare.js';

const picture = (label: number | null) => ({ file: 'face.jpg', pixels: new Uint8Array(3), label });
const scores = (logits: number[]) => ({
  logits: Float32Array.from(logits),
  probabilities: Float32Array.from(logits, (x) => x / 4),
});

it('counts changed answers and right ones, and finds the largest differences', () => {
  const before = scores([1, 0, 0, 1, 3, 2]);
  const after = scores([1, 0.25, 1.5, 1, 3, 2]);
  expect(compare(before, after, [picture(0), picture(1), picture(0)], false)).toEqual({
    pictures: 3,
    largestDifference: 1.5,
    largestLogit: 3,
    largestProbabilityDifference: 0.375,
    changedAnswers: 1,
    accuracy: { before: 1, after: 2 / 3 },
  });
});

it('has no accuracy where a picture has no label', () => {
  const same = scores([1, 0, 0, 1]);
  expect(compare(same, same, [picture(0), picture(null)], false).accuracy).toBeNull();
});

it('does not take NaN for no difference', () => {
  const { largestDifference } = compare(scores([1, 0]), scores([Number.NaN, 0]), [picture(0)], false);
  expect(largestDifference).toBeNaN();
  expect(() => refuseLoss({ largestDifference, accuracy: null }, 'fp32', false)).toThrow(/logits differ by NaN/);
});

it('refuses more than rounding, and over half a point, unless that is allowed', () => {
  const accuracy = { before: 0.8, after: 0.794 };
  expect(() => refuseLoss({ largestDifference: 9e-5, accuracy: null }, 'fp32', false)).not.toThrow();
  expect(() => refuseLoss({ largestDifference: 2e-4, accuracy: null }, 'fp32', false)).toThrow(
    /differ by 2\.0e-4, more than 0\.0001/,
  );
  expect(() => refuseLoss({ largestDifference: 0.5, accuracy }, 'int8', false)).toThrow(
    /in int8 is refused: accuracy falls from 80\.00% to 79\.40%.*--allow-loss/,
  );
  expect(() => refuseLoss({ largestDifference: 0.5, accuracy }, 'int8', true)).not.toThrow();
  expect(() => refuseLoss({ largestDifference: 0, accuracy: { before: 0.8, after: 0.796 } }, 'int8', false)).not.toThrow();
});
