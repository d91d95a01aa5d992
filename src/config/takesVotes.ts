import type { LossConfig } from './schema.js';

/** Whether a loss of UA-FER learns from people's votes: the likelihood of their counts, or cross-entropy with their shares. */
export function takesVotes({ lossFunction, target }: Pick<LossConfig, 'lossFunction' | 'target'>): boolean {
  return lossFunction === 'dm' || (lossFunction === 'ce' && target === 'votes');
}
