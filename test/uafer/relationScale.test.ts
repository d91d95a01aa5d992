import { describe, expect, it } from 'vitest';
import { readClip } from '#uafer/clip/readClip.js';
import { type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import { createScales, scaleAffinities, scaleOf } from '#uafer/uafer/relationScale.js';
import { fixture } from '../support/fixtures.js';
import { expectClose } from '../support/numbers.js';
import { testConfig } from '../support/runConfig.js';

const clip = readClip(fixture('tiny2h_clip.safetensors'));
const settings = { ...testConfig('out').model, learnedScale: true };
const scores = { logits: tensor([0.1, 0.3], [1, 2]), global: tensor([0.2, 0.4], [1, 2]), local: tensor([0, 0.5], [1, 2]) };

describe('a learned scale', () => {
  it("starts at CLIP's own, without a shift", () => {
    const state = createScales(clip, settings);
    expect(Object.keys(state)).toEqual(['relation.mixed.logit_scale', 'relation.mixed.shift']);
    const { scale, shift } = scaleOf(state, 'mixed');
    expect(scale).toBeCloseTo(Math.exp((clip.state.logit_scale as Tensor).item()), 5);
    expect(shift).toBe(0);
  });

  it('is one for each branch where opinions are fused', () => {
    const state = createScales(clip, { ...settings, fusion: 'dempster' });
    expect(Object.keys(state)).toHaveLength(4);
    state['relation.local.shift'] = tensor([-0.25], []);
    state['relation.local.logit_scale'] = tensor([Math.log(8)], []);
    const { logits, global, local } = scaleAffinities(scores, state);
    const scale = Math.exp((clip.state.logit_scale as Tensor).item());
    expect(logits).toBe(scores.logits);
    expectClose(toArray(local as Tensor), [-2, 2], { absolute: 1e-5 });
    expectClose(toArray(global as Tensor), [0.2 * scale, 0.4 * scale], { absolute: 1e-4 });
  });

  it("never passes CLIP's bound of 100", () => {
    const state = { 'relation.mixed.logit_scale': tensor([9], []), 'relation.mixed.shift': tensor([0], []) };
    expectClose(toArray(scaleAffinities(scores, state).logits), [10, 30], { absolute: 1e-4 });
    expect(scaleOf(state, 'mixed').scale).toBeCloseTo(100, 10);
  });

  it('of weights without one starts where the training of CLIP does', () => {
    const { logit_scale: _, ...state } = clip.state;
    expect(scaleOf(createScales({ ...clip, state }, settings), 'mixed').scale).toBeCloseTo(1 / 0.07, 4);
  });

  it('is none where none is asked for', () => {
    expect(createScales(clip, { ...settings, learnedScale: false })).toEqual({});
    expect(scaleOf({}, 'mixed')).toEqual({ scale: 1, shift: 0 });
  });
});
