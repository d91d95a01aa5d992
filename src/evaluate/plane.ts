/** Features of many dimensions as points of a plane. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Plane } from '../run/examplesFile.js';
import type { FeatureSample } from './featureSample.js';

/** Digits that a drawing shows. */
const DIGITS = 4;

/**
 * The features on their two leading principal components (Pearson 1901): the plane on which they are spread most, with the mean in its origin.
 * Each component's largest coefficient is positive, so that the same features always look alike. Null for fewer than three pictures, which any
 * plane holds, and for features that are all the same.
 */
export function principalPlane({ rows, values }: FeatureSample): Plane | null {
  if (rows.length < 3) return null;
  const dimensions = values.length / rows.length;
  const centred = centredMatrix(values, rows.length, dimensions);
  const scatter = centred.transpose().mmul(centred);
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(scatter, { assumeSymmetric: true });
  const total = realEigenvalues.reduce((sum, value) => sum + Math.max(0, value), 0);
  if (!(total > 0)) return null;
  const order = [...realEigenvalues.keys()].sort((a, b) => (realEigenvalues[b] as number) - (realEigenvalues[a] as number));
  const axes = [0, 1].map((k) => {
    const at = order[k];
    const axis = at === undefined ? new Array<number>(dimensions).fill(0) : oriented(eigenvectorMatrix.getColumn(at));
    const share = at === undefined ? 0 : Math.max(0, realEigenvalues[at] as number) / total;
    return { share, coordinates: centred.mmul(Matrix.columnVector(axis)).to1DArray() };
  }) as [Axis, Axis];
  return {
    explained: [axes[0].share, axes[1].share],
    points: rows.map((row, i) => [row, rounded(axes[0].coordinates[i] as number), rounded(axes[1].coordinates[i] as number)]),
  };
}

interface Axis {
  /** Of the variance. */
  share: number;
  /** Of each picture. */
  coordinates: number[];
}

function centredMatrix(values: Float32Array, pictures: number, dimensions: number): Matrix {
  const matrix = Matrix.from1DArray(pictures, dimensions, Array.from(values));
  return matrix.center('column');
}

function oriented(axis: readonly number[]): number[] {
  const largest = axis.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return axis.map((value) => (largest < 0 ? -value : value));
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}
