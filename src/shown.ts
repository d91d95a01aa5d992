/** Showing names that others have chosen: of files, classes and lists. They may hold letters that a terminal acts on. */

/**
 * Control characters (C0, DEL, C1), halves of pairs, separators of lines, the marks that turn the direction of writing (Unicode Standard
 * Annex 9), and what no XML may hold.
 */
const UNSAFE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/gu;
const BY_LETTER: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A name in one line, as it is but for letters that a terminal or a reader would misunderstand: those become `\x1b`, `\u202e`. */
export function shown(name: string): string {
  return name.replace(UNSAFE, (letter) => BY_LETTER[letter] ?? escaped(letter));
}

/** As `shown` for a message of our own, whose lines stay lines. */
export function shownText(message: string): string {
  return message.split('\n').map(shown).join('\n');
}

function escaped(letter: string): string {
  const code = letter.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
}

/** JSON that means the same, without letters that a terminal acts on. */
export function shownJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * An argument as a POSIX shell takes it, for a command to be copied: quoted where it needs to be. Control characters stand as `$'\x1b'`,
 * which shells take since POSIX 2024, and a hyphen in front is hidden from options.
 */
export function shellWord(argument: string): string {
  const word = argument.startsWith('-') ? `./${argument}` : argument;
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (shown(word) === word) return `'${word.replaceAll("'", `'\\''`)}'`;
  return `$'${word.replace(/[\\']/g, '\\$&').replace(UNSAFE, (letter) => bytesOf(letter))}'`;
}

/** A letter by its bytes in UTF-8: `\u` is not in every shell that knows `$'...'`. */
function bytesOf(letter: string): string {
  return Array.from(Buffer.from(letter), (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
