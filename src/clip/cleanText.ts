import { decodeHTML, decodeHTMLStrict } from 'entities';

/**
 * Text as CLIP's tokenizer reads it: entities decoded, characters repaired, whitespace collapsed, lower case. What the original
 * gets from ftfy is done here with one exception: text that was decoded with the wrong encoding ("cafÃ©") stays as it is.
 */
export function cleanText(text: string): string {
  const repaired = repair(text, !text.includes('<'));
  // Twice, as the original does: "&amp;lt;" becomes "<".
  const decoded = decodeHTML(decodeHTML(repaired));
  return decoded.replace(/\s+/gu, ' ').trim().toLowerCase();
}

const LONE_SURROGATES = /\p{Surrogate}/gu;
const LIGATURES = /[ĲĳŉǄ-ǌǱ-ǳﬀ-ﬄﬆ]/gu;
const FULL_OR_HALF_WIDTH = /[\u3000\uff01-\uffef]/gu;
const SINGLE_QUOTES = /[\u02bc\u2018-\u201b]/gu;
const DOUBLE_QUOTES = /[\u201c-\u201f]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal escapes and control characters are what is removed.
const TERMINAL_ESCAPES = /\x1b\[[\d;]*[a-zA-Z]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above.
const CONTROL_CHARACTERS = /[\0-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/gu;

/** The character-level fixes of ftfy.fix_text, repeated until nothing changes, as one fix may bring up the next. */
function repair(text: string, withEntities: boolean): string {
  const fixed = (withEntities ? decodeHTMLStrict(text) : text)
    .replace(LONE_SURROGATES, '\ufffd')
    .replace(LIGATURES, compatible)
    .replaceAll('ﬅ', 'ſt')
    .replace(FULL_OR_HALF_WIDTH, compatible)
    .replace(SINGLE_QUOTES, "'")
    .replace(DOUBLE_QUOTES, '"')
    .replace(TERMINAL_ESCAPES, '')
    .replace(CONTROL_CHARACTERS, '')
    .normalize('NFC');
  return fixed === text ? text : repair(fixed, withEntities);
}

function compatible(character: string): string {
  return character.normalize('NFKC');
}
