import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ops, scope, type Tensor, tensor, toArray } from '#uafer/engine/index.js';
import { type Dirichlet, dirichletOf } from '#uafer/uafer/evidence.js';
import { conflict, type FusionRule, fuse } from '#uafer/uafer/fusion.js';
import { centralDifferences, gradientAt } from '../support/gradients.js';
import { expectClose } from '../support/numbers.js';

const RULES: readonly FusionRule[] = ['dempster', 'cumulative', 'average'];
const CLASSES = 4;

interface Opinion {
  belief: number[];
  uncertainty: number;
}

const opinionOf = (evidence: readonly number[]): Dirichlet =>
  dirichletOf(tensor(Float64Array.from(evidence), [1, evidence.length]));
const plain = ({ belief, uncertainty }: Dirichlet): Opinion => ({ belief: toArray(belief), uncertainty: uncertainty.item() });
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** The rules in the beliefs, as their papers have them: another way than that of the code, which is in the evidence. */
const PAPERS: Record<FusionRule, (one: Opinion, other: Opinion) => Opinion> = {
  dempster: (one, other) => {
    let clash = 0;
    one.belief.forEach((b1, i) => {
      other.belief.forEach((b2, j) => {
        if (i !== j) clash += b1 * b2;
      });
    });
    const belief = one.belief.map((b1, c) => {
      const b2 = other.belief[c] as number;
      return (b1 * b2 + b1 * other.uncertainty + b2 * one.uncertainty) / (1 - clash);
    });
    return { belief, uncertainty: (one.uncertainty * other.uncertainty) / (1 - clash) };
  },
  cumulative: (one, other) => {
    const [u1, u2] = [one.uncertainty, other.uncertainty];
    const rest = u1 + u2 - u1 * u2;
    return {
      belief: one.belief.map((b1, c) => (b1 * u2 + (other.belief[c] as number) * u1) / rest),
      uncertainty: (u1 * u2) / rest,
    };
  },
  average: (first, second) => {
    const classes = first.belief.length;
    const expected = ({ belief, uncertainty }: Opinion) => belief.map((b) => b + uncertainty / classes);
    const [p1, p2] = [expected(first), expected(second)];
    const apart = sum(p1.map((p, c) => Math.abs(p - (p2[c] as number)))) / 2;
    const trust = 1 - apart * (1 - first.uncertainty) * (1 - second.uncertainty);
    const discounted = ({ belief, uncertainty }: Opinion): Opinion => ({
      belief: belief.map((b) => trust * b),
      uncertainty: 1 - trust * (1 - uncertainty),
    });
    const [one, other] = [discounted(first), discounted(second)];
    const [u1, u2] = [one.uncertainty, other.uncertainty];
    return {
      belief: one.belief.map((b1, c) => (b1 * u2 + (other.belief[c] as number) * u1) / (u1 + u2)),
      uncertainty: (2 * u1 * u2) / (u1 + u2),
    };
  },
};

const EVIDENCE = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 200, noNaN: true })), {
  minLength: CLASSES,
  maxLength: CLASSES,
});
const everyPair = (check: (first: number[], second: number[]) => void) =>
  fc.assert(
    fc.property(EVIDENCE, EVIDENCE, (first, second) => scope(() => check(first, second))),
    { numRuns: 60 },
  );

describe.each(RULES)('%s', (rule) => {
  it("gives the beliefs of its paper's formula", () => {
    everyPair((first, second) => {
      const [one, other] = [opinionOf(first), opinionOf(second)];
      const got = plain(fuse(rule, one, other));
      const wanted = PAPERS[rule](plain(one), plain(other));
      // In float64; dividing by small uncertainties takes some digits.
      expectClose(got.belief, wanted.belief, { absolute: 1e-9 });
      expect(got.uncertainty).toBeCloseTo(wanted.uncertainty, 9);
    });
  });

  it('gives an opinion: beliefs of at least 0 that sum to 1 with the uncertainty', () => {
    everyPair((first, second) => {
      const { belief, uncertainty } = plain(fuse(rule, opinionOf(first), opinionOf(second)));
      expect(Math.min(...belief, uncertainty)).toBeGreaterThanOrEqual(0);
      expect(sum(belief) + uncertainty).toBeCloseTo(1, 12);
    });
  });

  it('takes the opinions in either order', () => {
    everyPair((first, second) => {
      const [one, other] = [opinionOf(first), opinionOf(second)];
      expectClose(toArray(fuse(rule, one, other).evidence), toArray(fuse(rule, other, one).evidence), { absolute: 1e-10 });
    });
  });

  it('has the gradients of finite differences', () => {
    const [first, second] = [
      [0.3, 2, 0.1, 5],
      [1.2, 0.4, 3, 0.2],
    ] as const;
    const uncertaintyAt = (x: Tensor) => {
      const evidence = ops.reshape(x, [2, CLASSES]);
      const row = (i: number) => dirichletOf(ops.slice(evidence, 0, i, i + 1));
      const { probability, uncertainty } = fuse(rule, row(0), row(1));
      return ops.add(ops.sum(ops.log(probability)), ops.sum(uncertainty));
    };
    const values = [...first, ...second];
    const slopes = scope(() => gradientAt(tensor(Float64Array.from(values), [values.length]), uncertaintyAt));
    expectClose(slopes, centralDifferences(values, [values.length], uncertaintyAt), { absolute: 1e-8 });
  });
});

it.each(['dempster', 'cumulative'] as const)('%s: an opinion without evidence changes nothing', (rule) => {
  everyPair((first) => {
    const vacuous = opinionOf(new Array(CLASSES).fill(0));
    expect(toArray(fuse(rule, opinionOf(first), vacuous).evidence)).toEqual(first);
  });
});

describe('conflict', () => {
  it('is in [0, 1], and none between an opinion and itself', () => {
    everyPair((first, second) => {
      const between = conflict(opinionOf(first), opinionOf(second)).item();
      expect(between).toBeGreaterThanOrEqual(0);
      expect(between).toBeLessThanOrEqual(1);
      expect(conflict(opinionOf(first), opinionOf(first)).item()).toBe(0);
    });
  });

  it('never makes the average surer', () => {
    everyPair((first, second) => {
      const [one, other] = [opinionOf(first), opinionOf(second)];
      const undiscounted = dirichletOf(ops.mul(ops.add(one.evidence, other.evidence), 0.5)).uncertainty.item();
      expect(fuse('average', one, other).uncertainty.item()).toBeGreaterThanOrEqual(undiscounted - 1e-12);
    });
  });

  it('makes the average as unsure as the surest contradiction is', () => {
    const [happy, sad] = [opinionOf([1e6, 0, 0, 0]), opinionOf([0, 1e6, 0, 0])];
    expect(fuse('average', happy, sad).uncertainty.item()).toBeGreaterThan(0.99);
    expect(fuse('dempster', happy, sad).uncertainty.item()).toBeLessThan(1e-5);
  });
});

it('a scale of all evidence moves the uncertainty and not the class', () => {
  fc.assert(
    fc.property(EVIDENCE, fc.double({ min: 1.1, max: 50, noNaN: true }), (evidence, factor) =>
      scope(() => {
        fc.pre(Math.max(...evidence) > 0.01);
        const [before, after] = [opinionOf(evidence), opinionOf(evidence.map((e) => e * factor))];
        const largest = (opinion: Dirichlet) => ops.maxDim(opinion.probability, 1).indices.item();
        expect(after.uncertainty.item()).toBeLessThan(before.uncertainty.item());
        expect(largest(after)).toBe(largest(before));
      }),
    ),
    { numRuns: 50 },
  );
});
