import { countVotes } from '../metrics/votes.js';
import type { Sample } from './types.js';

/**
 * Raw counts (B, C), row-major, of what people said of the pictures at `indices`: answers that are no class are left out, and a picture without
 * votes counts as one vote for its label, as does one of which no vote counts. `repeated` leaves out what one person alone said.
 */
export function voteCounts(
  samples: readonly Sample[],
  indices: ArrayLike<number>,
  classes: number,
  counted: 'all' | 'repeated',
): Float32Array {
  const counts = new Float32Array(indices.length * classes);
  for (let i = 0; i < indices.length; i++) {
    const { label, voteCounts: votes } = samples[indices[i] as number] as Sample;
    const row = votes ? countVotes(votes, classes, { singles: counted === 'all' ? 'keep' : 'drop', others: 'drop' }) : [];
    if (row.some((count) => count > 0)) counts.set(row, i * classes);
    else counts[i * classes + label] = 1;
  }
  return counts;
}
