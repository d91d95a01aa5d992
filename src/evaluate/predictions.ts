import { writeFileAtomically } from '../files.js';
import type { Prediction } from './evaluate.js';

/**
 * Writes the predictions file, whole or not at all: `{classes, rows: [{file, label, predicted, logits, probabilities,
 * uncertainty}]}`, a line a row; labels and predictions are 0-based positions in `classes`. A row has `alpha` where the answer is a
 * Dirichlet distribution (its parameters), and `votes` where the data set has them: raw counts for `classes`,
 * then for answers that are no class.
 */
export function writePredictions(path: string, classes: readonly string[], predictions: readonly Prediction[]): void {
  const rows = predictions.map(({ file, label, predicted, logits, probabilities, uncertainty, alpha, votes }) =>
    JSON.stringify({ file, label, predicted, logits, probabilities, uncertainty, alpha, votes }),
  );
  writeFileAtomically(path, `{"classes": ${JSON.stringify(classes)}, "rows": [\n${rows.join(',\n')}\n]}\n`);
}
