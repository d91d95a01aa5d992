import { expect, test } from 'vitest';
import { didYouMean } from '#uafer/suggest.js';

const names = ['alpha', 'fixLayer', 'epochs'];

test.each([
  ['alhpa', 'alpha'],
  ['fix_layer', 'fixLayer'],
  ['FIX-LAYR', 'fixLayer'],
  ['epoch', 'epochs'],
])('%s is near to %s', (word, meant) => {
  expect(didYouMean(word, names)).toBe(` Did you mean "${meant}"?`);
});

test('nothing is suggested for a word that is like none, nor from no words', () => {
  expect(didYouMean('momentum', names)).toBe('');
  expect(didYouMean('alpha', [])).toBe('');
});
