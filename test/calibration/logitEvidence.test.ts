import { describe, expect, it } from 'vitest';
import { evidenceOfLogits, fitLogitEvidence, type VotedLogits } from '#uafer/calibration/logitEvidence.js';
import { dirichletMultinomialLogLikelihood } from '#uafer/metrics/votes.js';
import { createRandom } from '#uafer/random.js';
import { drawFrom } from '../support/forecasts.js';
import { missingModules, runPython } from '../support/python.js';

const TRUE = { slope: 0.7, offset: -1 };

/** Votes that Dirichlets of known evidence draw, ten a picture: by Polya's urn, where each vote adds a ball of its colour. */
function draws(pictures: number, seed: number): VotedLogits[] {
  const random = createRandom({ seed, epoch: 0, stream: 9, position: 0 });
  return Array.from({ length: pictures }, () => {
    const logits = Array.from({ length: 4 }, () => 6 * random.next());
    const balls = evidenceOfLogits(logits, TRUE);
    const votes = [0, 0, 0, 0];
    for (let vote = 0; vote < 10; vote++) {
      const total = balls.reduce((sum, ball) => sum + ball, 0);
      const k = drawFrom(
        balls.map((ball) => ball / total),
        random.next(),
      );
      votes[k] = (votes[k] as number) + 1;
      balls[k] = (balls[k] as number) + 1;
    }
    return { logits, votes };
  });
}

const rows = draws(3000, 3);
const loss = (evidence: { slope: number; offset: number }) =>
  -rows.reduce(
    (sum, { logits, votes }) => sum + dirichletMultinomialLogLikelihood(votes, evidenceOfLogits(logits, evidence)),
    0,
  );
const fitted = fitLogitEvidence(rows);

describe('evidence of logits', () => {
  it('is found from votes that it drew', () => {
    // 30,000 votes: three standard errors of either are below 0.05.
    expect(Math.abs(fitted.slope - TRUE.slope)).toBeLessThan(0.05);
    expect(Math.abs(fitted.offset - TRUE.offset)).toBeLessThan(0.1);
  });

  it('is a minimum: no step to any side is better', () => {
    for (const [slope, offset] of [
      [1e-4, 0],
      [-1e-4, 0],
      [0, 1e-4],
      [0, -1e-4],
      [1e-4, 1e-4],
      [-1e-4, 1e-4],
    ] as const)
      expect(loss({ slope: fitted.slope + slope, offset: fitted.offset + offset })).toBeGreaterThan(loss(fitted));
  });

  it('does not depend on what is added to all logits, but for the offset', () => {
    const moved = fitLogitEvidence(rows.map(({ logits, votes }) => ({ logits: logits.map((z) => z + 50), votes })));
    expect(moved.slope).toBeCloseTo(fitted.slope, 6);
    expect(moved.offset + 50 * moved.slope).toBeCloseTo(fitted.offset, 4);
  });

  it('stays finite where logits are far too large', () => {
    expect(evidenceOfLogits([1e6, -1e6], TRUE).every(Number.isFinite)).toBe(true);
  });

  it('needs pictures with two votes', () => {
    expect(() => fitLogitEvidence([{ logits: [1, 2], votes: [1, 0] }])).toThrow(/two votes and more/);
  });

  it.skipIf(missingModules('scipy') !== null)(
    "is what SciPy's likelihood and search find",
    () => {
      const theirs = JSON.parse(
        runPython(
          {
            code: `
import json, sys
import numpy as np
from scipy import optimize, stats
rows = json.loads(sys.argv[1])
logits = np.array([row["logits"] for row in rows])
votes = np.array([row["votes"] for row in rows])
def loss(x):
    alpha = np.exp(x[0] * logits + x[1]) + 1e-4
    return -sum(stats.dirichlet_multinomial.logpmf(n, a, n.sum()) for n, a in zip(votes, alpha))
found = optimize.minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000})
print(json.dumps(found.x.tolist()))
`,
          },
          JSON.stringify(rows.slice(0, 200)),
        ),
      ) as [number, number];
      const { slope, offset } = fitLogitEvidence(rows.slice(0, 200));
      // The loss is flat at its minimum: its 16 digits show 8 of the place.
      expect(slope).toBeCloseTo(theirs[0], 6);
      expect(offset).toBeCloseTo(theirs[1], 6);
    },
    120_000,
  );
});
