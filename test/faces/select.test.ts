import { describe, expect, it } from 'vitest';
import { selectFaces } from '#uafer/faces/select.js';
import type { Face } from '#uafer/faces/types.js';

const face = (left: number, top: number, side: number, score: number): Face => ({
  box: { left, top, width: side, height: side },
  landmarks: {},
  score,
});
const picture = { width: 200, height: 100 };
const [sure, large, central] = [face(0, 0, 20, 0.99), face(120, 10, 60, 0.9), face(92, 42, 12, 0.8)];

describe('selectFaces', () => {
  it.each([
    ['all', [sure, large, central]],
    ['largest', [large]],
    ['central', [central]],
  ] as const)('takes %s', (selection, expected) => {
    expect(selectFaces([sure, large, central], selection, picture)).toEqual(expected);
  });

  it('takes none of none', () => {
    for (const selection of ['all', 'largest', 'central'] as const) expect(selectFaces([], selection, picture)).toEqual([]);
  });

  it('takes the more confident of equal ones', () => {
    const twins = [face(0, 40, 20, 0.9), face(180, 40, 20, 0.7)];
    expect(selectFaces(twins, 'largest', picture)).toEqual([twins[0]]);
    expect(selectFaces(twins, 'central', picture)).toEqual([twins[0]]);
  });
});
