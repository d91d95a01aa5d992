/**
 * Scores of features, beside the same by NumPy and scikit-learn on the same made-up features. Both compute in double precision, with matrices
 * whose condition is below 1e3: 1e-6 is far above the rounding of either.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  boundaryScore,
  fitBank,
  fitBoundaries,
  fitRelativeMahalanobis,
  fitVirtualLogit,
  neighbourDistance,
  relativeMahalanobis,
  virtualLogitScore,
} from '#uafer/calibration/featureScores.js';
import { fitGaussian, squaredMahalanobis } from '#uafer/calibration/gaussian.js';
import { meanOf, type Rows, scatterOf, symmetricEigen } from '#uafer/calibration/linearAlgebra.js';
import { createRandom } from '#uafer/random.js';
import { expectClose } from '../support/numbers.js';
import { temporaryFolder } from '../support/pictures.js';
import { missingModules, runPython } from '../support/python.js';

const WIDTH = 12;
const CLASSES = 4;
const COUNT = 300;
const random = createRandom({ seed: 5, epoch: 0, stream: 9, position: 0 });
const uniform = () => random.uniform(-1, 1);
const matrix = (rows: number, columns: number, of = uniform) =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, of));

/** Directions of different spread that lie askew, and classes that lie apart. */
const mixing = matrix(WIDTH, WIDTH).map((row, j) => row.map((value) => value * (0.3 + j / WIDTH)));
const centres = matrix(CLASSES, WIDTH);
const mixed = (x: number[]) =>
  Array.from({ length: WIDTH }, (_, k) => x.reduce((sum, value, j) => sum + value * (mixing[j]?.[k] as number), 0));
const labels = Array.from({ length: COUNT }, (_, i) => i % CLASSES);
const rows = labels.map((label) => mixed(Array.from({ length: WIDTH }, uniform)).map((v, k) => v + (centres[label]?.[k] ?? 0)));
const weights = matrix(CLASSES, WIDTH);
const others = [...rows.slice(0, 10), ...matrix(30, WIDTH, () => 3 * uniform())];

const asRows = (values: number[][]): Rows => ({ values: Float64Array.from(values.flat()), width: values[0]?.length ?? 0 });
const logitsOf = (x: number[]) => weights.map((w) => w.reduce((sum, value, k) => sum + value * (x[k] as number), 0));
const bank = fitBank(asRows(rows));

describe.skipIf(missingModules('numpy', 'scipy', 'sklearn'))('of the same features as other libraries', () => {
  let expected: Record<string, number[]>;
  beforeAll(() => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'input.json');
    const counts = { bank: bank.rows.values.length / WIDTH, neighbour: bank.neighbour };
    writeFileSync(file, JSON.stringify({ rows, labels, weights, x: others, ...counts }));
    expected = JSON.parse(runPython({ file: 'feature_references.py' }, file));
  });

  const fitted = {
    gaussian: fitGaussian(asRows(rows)),
    relative: fitRelativeMahalanobis(asRows(rows), labels),
    boundaries: fitBoundaries(asRows(rows), asRows(weights)),
    virtual: fitVirtualLogit(
      asRows(rows),
      rows.map((row) => Math.max(...logitsOf(row))),
    ),
  };
  it.each([
    ['mahalanobis', (x: number[]) => squaredMahalanobis(x, fitted.gaussian)],
    ['relativeMahalanobis', (x: number[]) => relativeMahalanobis(x, fitted.relative)],
    ['boundaries', (x: number[]) => boundaryScore(x, fitted.boundaries)],
    ['neighbours', (x: number[]) => neighbourDistance(x, bank)],
    ['virtualLogit', (x: number[]) => virtualLogitScore(x, logitsOf(x), fitted.virtual)],
  ])('%s', (name, score) => {
    expectClose(others.map(score), expected[name] as number[], { absolute: 1e-6, relative: 1e-6 });
  });

  it('eigenvalues', () => {
    const mean = meanOf(asRows(rows));
    const { values } = symmetricEigen(
      scatterOf(asRows(rows), () => mean),
      WIDTH,
    );
    expectClose([...values], expected.eigenvalues as number[], { absolute: 1e-9, relative: 1e-9 });
  });
});

describe('in closed form', () => {
  /** Mean 0, covariance 1/2; shrunk it is 0.505. */
  const cross = [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ];

  it('the Mahalanobis distance is that in shares of the shrunk deviation', () => {
    const gaussian = fitGaussian(asRows(cross));
    expect(squaredMahalanobis([3, 4], gaussian)).toBeCloseTo(25 / 0.505, 12);
    expect(squaredMahalanobis([0, 0], gaussian)).toBe(0);
  });

  it('the relative distance of two classes that lie apart is the nearer one, less that to both', () => {
    const two = [
      ...cross.map(([x, y]) => [(x as number) + 10, y as number]),
      ...cross.map(([x, y]) => [(x as number) - 10, y as number]),
    ];
    const fit = fitRelativeMahalanobis(asRows(two), [0, 0, 0, 0, 1, 1, 1, 1]);
    // Within classes as above; of all the first direction has the variance 100.5 and the second 0.5, and 0.505 is added to both.
    expect(relativeMahalanobis([10, 2], fit)).toBeCloseTo(4 / 0.505 - (100 / (100.5 + 0.505) + 4 / (0.5 + 0.505)), 10);
  });

  it('the distance to boundaries is that to the plane between two classes, over that to the mean', () => {
    const opposite = asRows([
      [1, 0],
      [-1, 0],
    ]);
    const boundaries = fitBoundaries(asRows(cross), opposite);
    // The plane is x = 0, the mean 0.
    expect(boundaryScore([3, 4], boundaries)).toBeCloseTo(-3 / 5, 12);
    expect(boundaryScore([0, 4], boundaries)).toBeCloseTo(0, 12);
  });

  it('a neighbour of the same direction is as near as can be, one of the opposite as far', () => {
    const near = fitBank(
      asRows([
        [1, 0],
        [2, 0],
      ]),
    );
    expect(neighbourDistance([7, 0], near)).toBe(0);
    expect(neighbourDistance([-7, 0], near)).toBe(2);
  });

  it('the virtual logit of a feature within the principal space is none', () => {
    const flat = asRows([
      [2, 0.1],
      [-2, 0.1],
      [2, -0.1],
      [-2, -0.1],
    ]);
    const fit = fitVirtualLogit(flat, [3, 3, 3, 3]);
    // The length outside is 0.1 on average, the largest logit 3.
    expect(fit.scale).toBeCloseTo(30, 10);
    expect(virtualLogitScore([5, 0], [1, 0], fit)).toBeCloseTo(-Math.log(Math.E + 1), 10);
    expect(virtualLogitScore([5, 1], [1, 0], fit)).toBeCloseTo(30 - Math.log(Math.E + 1), 10);
  });
});

describe('whatever the features', () => {
  it('eigenvectors are orthonormal and make the matrix', () => {
    const cells = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 15, maxLength: 15 });
    fc.assert(
      fc.property(cells, (values) => {
        const full = new Float64Array(25);
        for (let j = 0, at = 0; j < 5; j++)
          for (let k = 0; k <= j; k++, at++) full[5 * j + k] = full[5 * k + j] = values[at] as number;
        const { values: found, vectors } = symmetricEigen(full, 5);
        for (let j = 0; j < 5; j++) {
          for (let k = 0; k < 5; k++) {
            let [made, product] = [0, 0];
            for (let i = 0; i < 5; i++) {
              made += (found[i] as number) * (vectors.values[5 * i + j] as number) * (vectors.values[5 * i + k] as number);
              product += (vectors.values[5 * j + i] as number) * (vectors.values[5 * k + i] as number);
            }
            expect(made).toBeCloseTo(full[5 * j + k] as number, 9);
            expect(product).toBeCloseTo(j === k ? 1 : 0, 9);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('that are all the same, everything has a value, and another picture lies further away', () => {
    const same = asRows(Array.from({ length: 6 }, () => [1, 2, 3]));
    const gaussian = fitGaussian(same);
    expect(squaredMahalanobis([1, 2, 3], gaussian)).toBe(0);
    expect(squaredMahalanobis([1, 2, 4], gaussian)).toBeGreaterThan(1);
    const relative = fitRelativeMahalanobis(same, [0, 0, 0, 1, 1, 1]);
    expect(relativeMahalanobis([1, 2, 4], relative)).toBeTypeOf('number');
    const virtual = fitVirtualLogit(same, [1, 1, 1, 1, 1, 1]);
    expect(Number.isFinite(virtualLogitScore([1, 2, 4], [0, 0], virtual))).toBe(true);
  });

  it('of one picture are refused', () => {
    expect(() => fitGaussian(asRows([[1, 2]]))).toThrow(/Features of 1 training pictures say nothing of others/);
  });
});
