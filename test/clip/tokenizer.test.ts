import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText } from '#uafer/clip/cleanText.js';
import { createTokenizer } from '#uafer/clip/tokenizer.js';
import { UaferError } from '#uafer/errors.js';

interface LabelTokens {
  labels: string[];
  tokens: number[][];
}
interface TokensFixture {
  rafdb: LabelTokens;
  affectnet: LabelTokens;
  affectnet_8: LabelTokens;
  misc: { text: string; tokens: number[] }[];
}

const fixture: TokensFixture = JSON.parse(readFileSync(new URL('../fixtures/tokens.json', import.meta.url), 'utf8'));
const tokenizer = createTokenizer();
const ids = (texts: string[], options = {}) => Array.from(tokenizer.tokenize(texts, options).ids, Number);
const thrownBy = (block: () => unknown): UaferError => {
  try {
    block();
  } catch (error) {
    if (error instanceof UaferError) return error;
    throw error;
  }
  throw new Error('expected a UaferError');
};

describe("the original's ids", () => {
  it.each(['rafdb', 'affectnet', 'affectnet_8'] as const)('for the labels of %s', (name) => {
    const { labels, tokens } = fixture[name];
    expect(tokenizer.tokenize(labels).shape).toEqual([labels.length, 77]);
    expect(ids(labels)).toEqual(tokens.flat());
  });

  it.each(fixture.misc)('for "$text"', ({ text, tokens }) => {
    // The fixture's overlong text was truncated.
    expect(ids([text], { truncate: true })).toEqual(tokens);
  });
});

describe('a text longer than the context', () => {
  const text = 'word '.repeat(76);

  it('is an error that names the text and both lengths', () => {
    const error = thrownBy(() => tokenizer.tokenize(['happy', text]));
    expect(error.code).toBe('TEXT_TOO_LONG');
    expect(error.message).toMatch(/"word word.*…" takes 78 tokens .* reads 77/);
  });

  it('is truncated when asked, and keeps the end id', () => {
    const [start, ...rest] = ids([text], { truncate: true });
    expect(start).toBe(49406);
    expect(rest.slice(0, -1)).toEqual(Array(75).fill(2653));
    expect(rest.at(-1)).toBe(49407);
  });

  it('is measured against the context length given', () => {
    expect(ids(['a b c'], { contextLength: 5 })).toEqual([49406, 320, 321, 322, 49407]);
    expect(thrownBy(() => tokenizer.tokenize(['a b c d'], { contextLength: 5 })).code).toBe('TEXT_TOO_LONG');
  });
});

describe('a smaller vocabulary', () => {
  it('keeps the first merges, and ends with the two specials', () => {
    const small = createTokenizer({ vocabularySize: 514 + 3 });
    // "i n", "t h", "a n": the first three merges of the file.
    expect(small.encode('th')).toEqual([83, 327]);
    expect(small.encode('the')).toEqual([513, 324]);
    const { ids } = small.tokenize([''], { contextLength: 2 });
    expect([...ids]).toEqual([515n, 516n]);
  });

  it('of bytes alone spells every word', () => {
    const bytes = createTokenizer({ vocabularySize: 514 });
    expect(bytes.encode('ha')).toEqual([71, 64 + 256]);
  });

  it.each([513, 49_409, 1000.5, NaN])('of %s tokens is refused', (vocabularySize) => {
    const error = thrownBy(() => createTokenizer({ vocabularySize }));
    expect(error.code).toBe('USAGE');
    expect(error.message).toContain(String(vocabularySize));
  });
});

describe('cleaning', () => {
  // Expected: ftfy 6.3.1, then Python's html.unescape twice, strip, collapsed whitespace and lower case.
  it.each([
    ['&lt;b&gt; &amp;eacute; &copy', '<b> é ©'],
    ['&ldquo;x&rdquo;', '"x"'],
    ['<p>&ldquo;x&rdquo;', '<p>“x”'],
    ['ﬁne ﬅreet Ǆ', 'fine ſtreet dž'],
    ['ＦＵＬＬ　ｗｉｄｔｈ', 'full width'],
    ['\x1b[31mred\x1b[0m \0ctrl\ufeff', 'red ctrl'],
    ['a\u2028b\r\nc', 'a b c'],
    ['e\u0301', 'é'],
    ['\ud800', '\ufffd'],
  ])('of %j', (text, expected) => {
    expect(cleanText(text)).toBe(expected);
  });
});

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom('happy', "don't", '&amp;', ' ', '\t', '…', '😀', '日本', '3', '<|endoftext|>'))
    .map((parts) => parts.join('')),
);
const withoutSpaces = (text: string) => text.replace(/\s+/gu, '');

describe('any text', () => {
  it('is decoded to what was encoded, but for spaces', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(withoutSpaces(tokenizer.decode(tokenizer.encode(text)))).toBe(withoutSpaces(cleanText(text)));
      }),
    );
  });

  it('gives ids of the vocabulary, whatever its size', () => {
    const small = createTokenizer({ vocabularySize: 600 });
    fc.assert(
      fc.property(anyText, (text) => {
        expect(small.encode(text).every((id) => id >= 0 && id < 600)).toBe(true);
        expect(withoutSpaces(small.decode(small.encode(text)))).toBe(withoutSpaces(cleanText(text)));
      }),
    );
  });

  it('fits the context when truncated', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 2, max: 20 }), (text, contextLength) => {
        const row = ids([text], { contextLength, truncate: true });
        expect(row).toHaveLength(contextLength);
        expect(row[0]).toBe(49406);
        expect(row).toContain(49407);
      }),
    );
  });
});

it('refuses to decode an id outside the vocabulary', () => {
  expect(thrownBy(() => tokenizer.decode([49408])).message).toContain('49408');
});
