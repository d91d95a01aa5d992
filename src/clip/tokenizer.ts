import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { UaferError } from '../errors.js';
import { packagePath } from '../paths.js';
import { cleanText } from './cleanText.js';

/** Texts as CLIP's text tower takes them. */
interface TokenizedTexts {
  /** (B, contextLength) row-major: start id, the text's ids, end id, zeros. */
  ids: BigInt64Array;
  shape: [number, number];
}

/** CLIP's byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2021). */
export interface Tokenizer {
  /** Ids of the cleaned text, without start and end. */
  encode(text: string): number[];
  /** The text of ids; a space follows each word, as in the original. Throws `USAGE` on an id outside the vocabulary. */
  decode(ids: readonly number[]): string;
  /**
   * A row for each text. A text with more than `contextLength` ids (77 if left out; start and end included) throws
   * `TEXT_TOO_LONG`, or with `truncate` loses its last ids, never the end id: that is where the text tower reads its feature.
   */
  tokenize(texts: readonly string[], options?: { contextLength?: number; truncate?: boolean }): TokenizedTexts;
}

const VOCABULARY_FILE = 'bpe_simple_vocab_16e6.txt.gz';
const START = '<|startoftext|>';
const END = '<|endoftext|>';
const WORD_END = '</w>';
/** 256 bytes, each alone and at a word's end, and the two specials; every further entry is a merge. */
const BYTES_AND_SPECIALS = 514;
const MAX_MERGES = 48_894;
const SPACE = 0x20;
const WORDS = /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;

/**
 * CLIP's tokenizer. `vocabularySize` (49,408 if left out, as in OpenAI's models) is the text tower's number of token embeddings;
 * a smaller model keeps the first `vocabularySize - 514` merges. Throws `USAGE` when it is not a whole number from 514 to 49,408.
 */
export function createTokenizer(options: { vocabularySize?: number } = {}): Tokenizer {
  const { vocabularySize = BYTES_AND_SPECIALS + MAX_MERGES } = options;
  const merges = readMerges(vocabularySize);
  const ranks = new Map(merges.map((merge, rank) => [merge, rank]));
  const vocabulary = vocabularyOf(merges);
  const ids = new Map(vocabulary.map((piece, id) => [piece, id]));
  const known = new Map<string, number[]>([START, END].map((special) => [special, [ids.get(special) as number]]));

  const encodeWord = (word: string): number[] => {
    const cached = known.get(word);
    if (cached) return cached;
    const encoded = mergePieces(piecesOf(word), ranks).map((piece) => ids.get(piece) as number);
    known.set(word, encoded);
    return encoded;
  };

  const encode = (text: string) => (cleanText(text).match(WORDS) ?? []).flatMap(encodeWord);

  const decode = (encoded: readonly number[]) => {
    const bytes = encoded.flatMap((id) => bytesOfPiece(vocabulary[id] ?? unknownId(id, vocabularySize)));
    return new TextDecoder().decode(Uint8Array.from(bytes));
  };

  const tokenize: Tokenizer['tokenize'] = (texts, { contextLength = 77, truncate = false } = {}) => {
    const rows = new BigInt64Array(texts.length * contextLength);
    texts.forEach((text, row) => {
      const encoded = [vocabularySize - 2, ...encode(text), vocabularySize - 1];
      if (encoded.length > contextLength) {
        if (!truncate) throw tooLong(text, encoded.length, contextLength);
        encoded.splice(contextLength - 1, Infinity, vocabularySize - 1);
      }
      rows.set(encoded.map(BigInt), row * contextLength);
    });
    return { ids: rows, shape: [texts.length, contextLength] };
  };

  return { encode, decode, tokenize };
}

/** Pairs to merge, "in g</w>", most frequent first. */
function readMerges(vocabularySize: number): string[] {
  const count = vocabularySize - BYTES_AND_SPECIALS;
  if (!Number.isInteger(count) || count < 0 || count > MAX_MERGES) {
    throw new UaferError(
      'USAGE',
      `A vocabulary of ${vocabularySize} tokens is not one of CLIP's: expected a whole number from ${BYTES_AND_SPECIALS} to ${BYTES_AND_SPECIALS + MAX_MERGES}.`,
    );
  }
  const lines = gunzipSync(readFileSync(packagePath('assets', VOCABULARY_FILE)))
    .toString('utf8')
    .split('\n', count + 1);
  // The first line is a heading.
  return lines.slice(1);
}

/** The piece of each id. */
function vocabularyOf(merges: readonly string[]): string[] {
  const bytes = [...BYTE_CHARACTERS.order];
  return [
    ...bytes,
    ...bytes.map((character) => character + WORD_END),
    ...merges.map((merge) => merge.replace(' ', '')),
    START,
    END,
  ];
}

/**
 * GPT-2's printable stand-in for each byte (Radford et al. 2019): the printable Latin-1 characters stand for themselves and come
 * first; the other bytes follow as U+0100, U+0101, …
 */
const BYTE_CHARACTERS = (() => {
  const isPrintable = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const others = bytes.filter((byte) => !isPrintable(byte));
  const ofByte = bytes.map((byte) => String.fromCharCode(isPrintable(byte) ? byte : 0x100 + others.indexOf(byte)));
  const inOrder = [...bytes.filter(isPrintable), ...others];
  return {
    ofByte,
    order: inOrder.map((byte) => ofByte[byte] as string),
    byteOf: new Map(ofByte.map((character, byte) => [character, byte])),
  };
})();

function piecesOf(word: string): string[] {
  const pieces = Array.from(new TextEncoder().encode(word), (byte) => BYTE_CHARACTERS.ofByte[byte] as string);
  pieces.push(pieces.pop() + WORD_END);
  return pieces;
}

/** Merges the pair of lowest rank, everywhere in the word, until no pair has a rank. */
function mergePieces(word: string[], ranks: ReadonlyMap<string, number>): string[] {
  let pieces = word;
  for (let pair = lowestPair(pieces, ranks); pair; pair = lowestPair(pieces, ranks)) pieces = mergePair(pieces, pair);
  return pieces;
}

type Pair = readonly [string, string];

function lowestPair(pieces: readonly string[], ranks: ReadonlyMap<string, number>): Pair | null {
  let lowest: Pair | null = null;
  let lowestRank = Infinity;
  for (let i = 0; i + 1 < pieces.length; i++) {
    const pair = [pieces[i] as string, pieces[i + 1] as string] as const;
    const rank = ranks.get(pair.join(' ')) ?? Infinity;
    if (rank >= lowestRank) continue;
    lowest = pair;
    lowestRank = rank;
  }
  return lowest;
}

function mergePair(pieces: readonly string[], [first, second]: Pair): string[] {
  const merged: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    const isPair = pieces[i] === first && pieces[i + 1] === second;
    merged.push(isPair ? first + second : (pieces[i] as string));
    if (isPair) i++;
  }
  return merged;
}

function bytesOfPiece(piece: string): number[] {
  const endsWord = piece.endsWith(WORD_END);
  const characters = endsWord ? piece.slice(0, -WORD_END.length) : piece;
  const bytes = Array.from(characters, (character) => BYTE_CHARACTERS.byteOf.get(character) as number);
  return endsWord ? [...bytes, SPACE] : bytes;
}

function unknownId(id: number, vocabularySize: number): never {
  throw new UaferError(
    'USAGE',
    `Token id ${id} is outside the vocabulary: expected a whole number from 0 to ${vocabularySize - 1}.`,
  );
}

function tooLong(text: string, length: number, contextLength: number): UaferError {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return new UaferError(
    'TEXT_TOO_LONG',
    `The text "${shown}" takes ${length} tokens with start and end; the model reads ${contextLength}. Shorten it: it is made of --prompt and ` +
      'the name of a class.',
  );
}
