/**
 * Where one scene of a film ends and another begins. Frames are compared by small pictures of them, at the shift at which they are most alike, so
 * that a pan changes little; and by their correlation, so that a scene stays the same in another light. A cut changes much at once. A
 * dissolve changes little from frame to frame, and is seen by comparison with a frame of about a second before.
 */
import type { Picture } from './picture.js';

/**
 * Says of the frames of a film, one after the other, whether another scene begins with this one.
 *
 * @param time in seconds; ascends
 */
export type SceneChange = (picture: Picture, time: number) => boolean;

const COLUMNS = 24;
const ROWS = 16;
const CHANNELS = 3;
/** Shifts that are tried, in cells. */
const SIDEWAYS = COLUMNS / 2;
const UPWARDS = ROWS / 4;
/**
 * 1 - correlation from which on it is another scene. The photos of `examples/photos`, cut to one form, differ from each other by 0.34 to 0.69,
 * and a frame from the next in a pan through one of them within two seconds by at most 0.18.
 */
const ANOTHER_SCENE = 0.3;
/** What a shift explains: the camera moves. */
const EXPLAINED = 0.15;
/** Seconds. A frame to compare with is from one to two of these old. */
const BEFORE = 0.75;
/** Of the variance, values from 0 to 1: frames that are all of one colour are alike. */
const NOISE = 1e-4;
/** Samples of a cell, a row and a column of them. */
const SAMPLES = 4;

/** (16, 24, 3) mean colours from 0 to 1. */
type Small = Float64Array;

export function createSceneChange(): SceneChange {
  let last: Small | null = null;
  let anchors: { older: Small; newer: Small; since: number } | null = null;
  let begun = Number.NEGATIVE_INFINITY;
  return (picture, time) => {
    const small = smallOf(picture);
    const previous = last;
    last = small;
    if (previous && comparison(previous, small).distance >= ANOTHER_SCENE) {
      anchors = null;
      begun = time;
      return true;
    }
    if (!anchors) {
      // What is left of a dissolve after it was noticed is no second one.
      if (time - begun >= BEFORE) anchors = { older: small, newer: small, since: time };
      return false;
    }
    const { distance, shifted } = comparison(anchors.older, small);
    if (distance >= ANOTHER_SCENE) {
      anchors = null;
      begun = time;
      return true;
    }
    if (shifted && distance < EXPLAINED) anchors = { older: small, newer: small, since: time };
    else if (time - anchors.since >= BEFORE) anchors = { older: anchors.newer, newer: small, since: time };
    return false;
  };
}

function smallOf({ data, width, height }: Picture): Small {
  const small = new Float64Array(ROWS * COLUMNS * CHANNELS);
  const down = ROWS * SAMPLES;
  const across = COLUMNS * SAMPLES;
  for (let row = 0; row < down; row++) {
    const y = Math.floor(((row + 0.5) * height) / down);
    for (let column = 0; column < across; column++) {
      const from = (y * width + Math.floor(((column + 0.5) * width) / across)) * CHANNELS;
      const to = (Math.floor(row / SAMPLES) * COLUMNS + Math.floor(column / SAMPLES)) * CHANNELS;
      for (let c = 0; c < CHANNELS; c++) small[to + c] = (small[to + c] as number) + (data[from + c] as number);
    }
  }
  return small.map((total) => total / (255 * SAMPLES * SAMPLES));
}

/** 1 - correlation at the best shift. Unshifted pictures that are alike are not shifted. */
function comparison(a: Small, b: Small): { distance: number; shifted: boolean } {
  const unshifted = distanceAt(a, b, 0, 0);
  if (unshifted < EXPLAINED / 2) return { distance: unshifted, shifted: false };
  let best = { distance: unshifted, shifted: false };
  for (let down = -UPWARDS; down <= UPWARDS; down++) {
    for (let right = -SIDEWAYS; right <= SIDEWAYS; right++) {
      const distance = distanceAt(a, b, right, down);
      if (distance < best.distance) best = { distance, shifted: true };
    }
  }
  return best;
}

/** Of what both show when b is a, moved to the right and down. */
function distanceAt(a: Small, b: Small, right: number, down: number): number {
  let [count, sumA, sumB, squaresA, squaresB, products] = [0, 0, 0, 0, 0, 0];
  for (let row = Math.max(0, down); row < Math.min(ROWS, ROWS + down); row++) {
    const from = (row * COLUMNS + Math.max(0, right)) * CHANNELS;
    const to = (row * COLUMNS + Math.min(COLUMNS, COLUMNS + right)) * CHANNELS;
    const back = (down * COLUMNS + right) * CHANNELS;
    for (let i = from; i < to; i++) {
      const [p, q] = [a[i - back] as number, b[i] as number];
      count++;
      sumA += p;
      sumB += q;
      squaresA += p * p;
      squaresB += q * q;
      products += p * q;
    }
  }
  const variance = (sum: number, squares: number) => Math.max(0, squares / count - (sum / count) ** 2) + NOISE;
  const covariance = products / count - (sumA * sumB) / count ** 2 + NOISE;
  return 1 - covariance / Math.sqrt(variance(sumA, squaresA) * variance(sumB, squaresB));
}
