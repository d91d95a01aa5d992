/** Made-up answers of a model, as its predictions file holds them. */
import { createRandom } from '#uafer/random.js';
import type { PredictionRow } from '#uafer/run/predictionsFile.js';
import { calibratedForecasts } from './forecasts.js';

export const CLASSES = ['happy', 'sad', 'fear'];

interface AnswerOptions {
  samples: number;
  classes?: number;
  seed?: number;
  /** With the decision of a calibrated model, and Dirichlet parameters with votes drawn from them. */
  calibrated?: boolean;
}

/** Answers whose probabilities mean what they say; the uncertainty is 1 - the largest one. */
export function madeUpAnswers({
  samples,
  classes = CLASSES.length,
  seed = 1,
  calibrated = false,
}: AnswerOptions): PredictionRow[] {
  const random = createRandom({ seed, epoch: 0, stream: 10, position: 0 });
  return calibratedForecasts({ samples, classes, seed }).map(({ label, logits, probabilities }, i) => {
    const top = Math.max(...probabilities);
    const row = {
      file: `face${i}.png`,
      label,
      predicted: probabilities.indexOf(top),
      logits,
      probabilities,
      uncertainty: 1 - top,
    };
    if (!calibrated) return row;
    return {
      ...row,
      alpha: probabilities.map((p) => 0.1 + 9 * p),
      votes: [...probabilities.map((p) => Math.round(9 * p)), Math.floor(3 * random.next())],
      ambiguity: 1 - top,
      risk: 1 - top,
      decision: top > 0.7 ? 'report' : top > 0.45 ? 'ambiguous' : 'reject',
    };
  });
}
