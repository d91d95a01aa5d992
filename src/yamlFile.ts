/** YAML (and so JSON) that people write: what stands in it, and on which line, so that an error can name it. */
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { UaferError } from './errors.js';
import { readRegularFileSync } from './regularFiles.js';
import { reasonOf } from './systemErrors.js';

/** `file:line` of the value at these keys; a position in a list is a key too. */
export type Place = (keys: readonly string[]) => string;

/**
 * Reads a file of YAML.
 *
 * @param what it is, in a sentence: `configuration`
 * @throws UaferError `USAGE` with file and line when it cannot be read or is not YAML, a key that stands twice included, and for aliases that
 *   unfold to more than people write
 */
export function readYaml(file: string, what: string): { content: unknown; at: Place } {
  const lines = new LineCounter();
  const { document, content } = parseYaml(readText(file, what), lines, file);
  return { content, at: (keys) => `${file}:${lineOf(document, lines, keys)}` };
}

/** What stands at `where` as names and values. Throws `USAGE` where it is something else. */
export function asMapping(value: unknown, where: string): Record<string, unknown> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UaferError('USAGE', `${where}: expected settings like "name: value", got ${JSON.stringify(value)}`);
}

function readText(file: string, what: string): string {
  try {
    return readRegularFileSync(file, 'configuration').toString('utf8');
  } catch (cause) {
    throw new UaferError('USAGE', `Cannot read the ${what} ${file}: ${reasonOf(cause)}`, { cause });
  }
}

function parseYaml(text: string, lineCounter: LineCounter, file: string): { document: Document; content: unknown } {
  try {
    const document = parseDocument(text, { lineCounter });
    const [error] = document.errors;
    if (error && /call stack/.test(error.message)) throw new RangeError(error.message);
    if (error)
      throw new UaferError('USAGE', `${file}:${error.linePos?.[0].line ?? 1}: not YAML: ${error.message.split(' at line')[0]}`);
    const content: unknown = document.toJS();
    JSON.stringify(content); // throws where an alias stands inside of what it names
    return { document, content };
  } catch (cause) {
    if (cause instanceof UaferError) throw cause;
    throw new UaferError('USAGE', `${file} cannot be used: ${unusable(cause)}.`, { cause });
  }
}

/** What the parser says by errors of JavaScript's own. */
function unusable(cause: unknown): string {
  const { message } = cause as Error;
  if (/alias count/.test(message)) return 'its aliases (*name) unfold to too much: write the values out';
  if (/circular/.test(message)) return 'an alias (*name) stands inside of what it names: write the values out';
  if (cause instanceof RangeError) return 'its lists or settings stand inside of each other too deeply';
  return message;
}

/** The line of the last key; of the nearest one above it when it came in by an alias. */
function lineOf(document: Document, lines: LineCounter, keys: readonly string[]): number {
  if (keys.length === 0) return 1;
  const above = keys.slice(0, -1);
  const parent = above.length === 0 ? document.contents : document.getIn(above, true);
  const node = nodeOf(parent, keys.at(-1) as string);
  return node?.range ? lines.linePos(node.range[0]).line : lineOf(document, lines, above);
}

/** Where a value of a mapping (its key) or of a list begins. */
function nodeOf(parent: unknown, key: string): Node | null {
  if (isSeq(parent)) return asNode(parent.items[Number(key)]);
  return asNode(isMap(parent) && parent.items.find((item) => isScalar(item.key) && String(item.key.value) === key)?.key);
}

const asNode = (value: unknown): Node | null => (isNode(value) ? value : null);
