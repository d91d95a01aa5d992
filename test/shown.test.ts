import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shellWord, shown, shownJson, shownText } from '#uafer/shown.js';
import { controlsIn } from './support/controls.js';

const dangerous = fc.constantFrom(
  '\x1b',
  '\x07',
  '\n',
  '\r',
  '\t',
  '\x7f',
  '\x9b',
  '\u202e',
  '\u2066',
  '\u2028',
  '\ud800',
  '\0',
);
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.oneof(dangerous, fc.constantFrom('a', "'", '\\', '-')) }),
);

describe('a name', () => {
  it('stays as it is where nothing in it acts on a terminal', () => {
    for (const name of ['a b/c-d_1.jpg', "d'été.png", 'лицо.jpg', '顔写真.webp', 'चेहरा', '👩‍👩‍👧.png', 'a\\b', '$HOME `x`'])
      expect(shown(name)).toBe(name);
  });

  it('shows what would act on one', () => {
    expect(shown('a\x1b[31mred\x1b[0m\n\t\r\x7f\x9b\u202egpj.exe\ud83d')).toBe(
      'a\\x1b[31mred\\x1b[0m\\n\\t\\r\\x7f\\x9b\\u202egpj.exe\\ud83d',
    );
  });

  it('never holds a control character, and a message none but its line breaks', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(controlsIn(shown(text))).toEqual([]);
        expect(shown(text)).not.toContain('\n');
        expect(controlsIn(shownText(text))).toEqual([]);
        expect(shownText(text).split('\n')).toEqual(text.split('\n').map(shown));
        expect(controlsIn(shownJson({ text }))).toEqual([]);
        expect(JSON.parse(shownJson({ text }))).toEqual({ text });
      }),
    );
  });
});

describe('a word for a shell', () => {
  const printed = (shell: string, word: string) => execFileSync(shell, ['-c', `printf '%s' ${word}`], { encoding: 'utf8' });

  it.each([
    ['runs/faces-1', 'runs/faces-1'],
    ['my runs', "'my runs'"],
    ["d'été", "'d'\\''été'"],
    ['$(rm -rf ~)', "'$(rm -rf ~)'"],
    ['', "''"],
    ['-rf', './-rf'],
    ['a\x1b[2J', "$'a\\x1b[2J'"],
  ])('%j is written %s', (text, word) => {
    expect(shellWord(text)).toBe(word);
  });

  it('is what the shell takes for the argument', () => {
    const argument = fc
      .string({ unit: fc.constantFrom(...`a/.-_ '"\\$\`!*?;&|<>(){}[]~#éβ`) })
      .filter((text) => !text.startsWith('-'));
    fc.assert(
      fc.property(argument, (text) => {
        expect(printed('sh', shellWord(text))).toBe(text);
      }),
      { numRuns: 50 },
    );
    const hostile = fc.string({ unit: fc.constantFrom('a', '\x1b', '\n', '\u202e', '\x9b', "'", '\\', '$', '1') });
    fc.assert(
      fc.property(hostile, (text) => {
        expect(printed('bash', shellWord(text))).toBe(text);
      }),
      { numRuns: 50 },
    );
  });
});
