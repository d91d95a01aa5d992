/** Reading YAML configuration: every setting keeps the file and line it came from, so that an error can name them. */
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { UaferError } from '../errors.js';
import { readRegularFileSync } from '../regularFiles.js';
import { didYouMean } from '../suggest.js';
import { reasonOf } from '../systemErrors.js';
import { configFields, configSections, leafName } from './fields.js';

/** One setting, and where it was made: an option's name, or a file with its line. */
export interface Setting {
  value: unknown;
  where: string;
}

/** Settings by their dotted path, e.g. `optimizer.lr`. */
export type Settings = ReadonlyMap<string, Setting>;

/** What a configuration file says, and what it says for single data sets (`datasets:`, in recipes). */
export interface ConfigFile {
  settings: Settings;
  datasets: ReadonlyMap<string, Settings>;
}

/**
 * Reads a recipe or a run's `config.yaml`. Values are not judged here. Throws `USAGE` with file and line for bad YAML, for aliases that
 * unfold to more than a configuration holds, and for a key that doesn't exist.
 */
export function readConfigFile(file: string): ConfigFile {
  const lines = new LineCounter();
  const { document, content } = parseYaml(readText(file), lines, file);
  const at = (keys: readonly string[]) => `${file}:${lineOf(document, lines, keys)}`;
  const { datasets = {}, ...settings } = asObject(content, `${file}:1`);
  const sections = Object.entries(asObject(datasets, at(['datasets'])));
  return {
    settings: settingsOf(settings, [], at),
    datasets: new Map(sections.map(([name, value]) => [name, settingsOf(value, ['datasets', name], at)])),
  };
}

function readText(file: string): string {
  try {
    return readRegularFileSync(file, 'configuration').toString('utf8');
  } catch (cause) {
    throw new UaferError('USAGE', `Cannot read the configuration ${file}: ${reasonOf(cause)}`, { cause });
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

type Place = (keys: readonly string[]) => string;

function settingsOf(value: unknown, root: readonly string[], at: Place): Settings {
  const settings = new Map<string, Setting>();
  for (const [name, item] of Object.entries(asObject(value, at(root)))) {
    const keys = [...root, name];
    const inSection: [string, unknown][] = configSections.has(name)
      ? Object.entries(asObject(item, at(keys))).map(([leaf, leafValue]) => [`${name}.${leaf}`, leafValue])
      : [[name, item]];
    for (const [path, leafValue] of inSection) {
      const where = at([...root, ...path.split('.')]);
      if (!configFields.has(path)) throw unknownKey(path, where);
      settings.set(path, { value: leafValue, where: `${where}: ${path}` });
    }
  }
  return settings;
}

/** `USAGE`: no setting has this path; the nearest leaf name is suggested with the section that it belongs to. */
export function unknownKey(path: string, where: string): UaferError {
  const leaves = new Map([...configFields.keys()].map((known) => [leafName(known), known]));
  const suggestion = didYouMean(leafName(path), [...leaves.keys(), ...configSections]);
  const named = suggestion.replace(/"(.+)"/, (_, leaf: string) => `"${leaves.get(leaf) ?? leaf}"`);
  return new UaferError('USAGE', `${where}: there is no setting "${path}".${named}`);
}

function asObject(value: unknown, where: string): Record<string, unknown> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UaferError('USAGE', `${where}: expected settings like "name: value", got ${JSON.stringify(value)}`);
}

/** The line of the last key; of the nearest one above it when it came in by an alias. */
function lineOf(document: Document, lines: LineCounter, keys: readonly string[]): number {
  if (keys.length === 0) return 1;
  const above = keys.slice(0, -1);
  const parent = above.length === 0 ? document.contents : document.getIn(above, true);
  const pair = isMap(parent) && parent.items.find(({ key }) => isScalar(key) && String(key.value) === keys.at(-1));
  if (pair && isNode(pair.key) && pair.key.range) return lines.linePos(pair.key.range[0]).line;
  return lineOf(document, lines, above);
}
