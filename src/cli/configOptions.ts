/** The configuration's settings as options: names, help and values come from the schema. */
import { type Command, Option } from 'commander';
import { configFields, type Field } from '../config/fields.js';
import { recipeNames } from '../config/resolve.js';
import { datasetRow } from '../data/datasets.js';
import { UaferError } from '../errors.js';

/** What commander hands to an action: option values by their camelCased names. */
export type OptionValues = Readonly<Record<string, unknown>>;

const GROUPS: Readonly<Record<string, string>> = {
  model: 'Model:',
  loss: 'Loss:',
  optimizer: 'Optimiser:',
  data: 'Data:',
  run: 'Run:',
};

/** Adds an option for each setting that `wanted` picks, grouped as in a configuration file. */
export function addConfigOptions(command: Command, wanted: (path: string) => boolean = () => true): void {
  for (const field of configFields.values()) {
    if (field.kind === 'structure' || !wanted(field.path)) continue;
    const section = field.path.includes('.') ? (field.path.split('.')[0] as string) : '';
    const option = new Option(`${field.option} ${placeholder(field)}`, help(field));
    command.addOption(section ? option.helpGroup(GROUPS[section] as string) : option);
  }
}

function placeholder({ path, kind }: Field): string {
  if (kind === 'boolean') return '[true|false]';
  if (kind === 'number') return '<n>';
  if (path === 'model.prompt') return '<text>';
  return path === 'out' || path.endsWith('Path') || path.endsWith('List') ? '<path>' : '<name>';
}

function help({ path, description, choices }: Field): string {
  const names = path === 'recipe' ? recipeNames() : choices;
  return names ? `${description} (${names.join(', ')})` : description;
}

/** The settings that were given as options, by dotted path; values that don't parse stay text, for validation to name. */
export function configValues(values: OptionValues): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const { path, option, kind } of configFields.values()) {
    const value = values[attribute(option)];
    if (value !== undefined) given[path] = typeof value === 'string' ? parse(value, kind) : value;
  }
  return given;
}

/** `--fix-layer` -> `fixLayer`, the name under which commander keeps the value. */
function attribute(option: string): string {
  return new Option(option).attributeName();
}

function parse(text: string, kind: Field['kind']): unknown {
  if (kind === 'number') return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
  if (kind === 'boolean' && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  return text;
}

/** Options of the original's command line that decide nothing here, with what to know about each. */
const ORIGINAL = {
  recordPath: 'a run folder is named with --out',
  momentum: "AdamW's are 0.9 and 0.999, as in the original",
  inputSize: 'the CLIP weights say the size of the pictures',
  saveModel: 'the best and the last model are always kept, in <run>/checkpoints',
  saveNp: '`uafer eval --predictions FILE` writes predictions',
} as const;

/** Accepts the options of the original's that have no counterpart, so that its command lines work as they are. */
export function addOriginalOptions(command: Command): void {
  for (const name of [...Object.keys(ORIGINAL), 'gpu', 'classes']) {
    command.addOption(new Option(`--${hyphenated(name)} <value>`, 'an option of the original').hideHelp());
  }
}

/** What the original's own options mean here: settings by path (`--gpu 1` is the device `cuda:1`), and a note on each of the others. */
export function originalValues(values: OptionValues, note: (line: string) => void): Record<string, unknown> {
  for (const [name, why] of Object.entries(ORIGINAL)) {
    if (values[name] !== undefined) note(`--${hyphenated(name)} changes nothing here: ${why}.`);
  }
  return values.gpu === undefined ? {} : { device: `cuda:${values.gpu}` };
}

/** Throws `USAGE` when the original's `--classes` contradicts the data set. */
export function checkClasses({ classes }: OptionValues, dataset: string): void {
  const expected = datasetRow(dataset).classes?.length;
  if (classes === undefined || expected === undefined || Number(classes) === expected) return;
  throw new UaferError('USAGE', `--classes ${classes}: ${dataset} has ${expected} classes. Leave the option out.`);
}

function hyphenated(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
