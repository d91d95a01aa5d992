/** The file of an ablation: what all trainings share, a row for each way to train, and the seeds. */
import { resolve } from 'node:path';
import { type Settings, settingsOf } from '../config/configFile.js';
import { resolveConfig } from '../config/resolve.js';
import { UaferError } from '../errors.js';
import { didYouMean } from '../suggest.js';
import { asMapping, type Place, readYaml } from '../yamlFile.js';
import type { Cell, CellWeights } from './cell.js';

/** A way to train, with a training for each seed. */
export interface AblationRow {
  name: string;
  calibrate: boolean;
  /** In the order of the seeds. */
  cells: Cell[];
}

export interface Ablation {
  seeds: number[];
  weights: CellWeights;
  rows: AblationRow[];
}

interface Reader {
  file: string;
  at: Place;
}

/** What the file has beside settings. */
const KEYS = ['base', 'rows', 'seeds', 'weights'];

/** What the folder of trainings and the seeds say. */
const NOT_SETTINGS: Readonly<Record<string, string>> = {
  out: 'the folder comes from --out',
  seed: 'seeds stand in the list "seeds"',
};

/**
 * Reads a file such as
 *
 *     base: { recipe: released, dataset: rafdb, dataPath: data/RAF-DB }
 *     seeds: [1, 2, 3]
 *     rows:
 *       - name: released
 *       - name: cross-entropy
 *         loss: { lossFunction: ce }
 *
 * to trainings in `<out>/<row>/seed-<seed>`. A row's settings go over the base's, as those of a configuration file over a recipe; `calibrate: true`
 * in a row fits a calibration before its evaluation. `weights: last` evaluates the weights of the end in place of the best ones.
 *
 * @throws UaferError `USAGE` naming file and line of what is wrong, every row's settings included
 */
export function readAblation(file: string, out: string, onNote: (note: string) => void): Ablation {
  const { content, at } = readYaml(file, 'ablation');
  const reader = { file, at };
  const { base = {}, rows, seeds, weights = 'best', ...others } = asMapping(content, at([]));
  for (const key of Object.keys(others))
    throw wrong(
      reader,
      [key],
      `there is no "${key}" here.${didYouMean(key, KEYS)} Expected ${KEYS.join(', ')}; settings stand under base, or in a row`,
    );
  if (weights !== 'best' && weights !== 'last')
    throw wrong(reader, ['weights'], `expected best or last, got ${JSON.stringify(weights)}`);
  const shared = readSettings(base, ['base'], reader);
  const drawn = readSeeds(seeds, reader);
  const options = { shared, seeds: drawn, weights: weights as CellWeights, out: resolve(out), onNote: once(onNote) };
  return { seeds: drawn, weights, rows: readRows(rows, options, reader) };
}

interface RowOptions extends Pick<Ablation, 'seeds' | 'weights'> {
  shared: Settings;
  out: string;
  onNote(note: string): void;
}

function readRows(rows: unknown, options: RowOptions, reader: Reader): AblationRow[] {
  if (!Array.isArray(rows) || rows.length === 0)
    throw wrong(reader, ['rows'], 'rows are needed: a list of "name: ..." with the settings that differ from base');
  const taken = new Map<string, string>();
  return rows.map((row, i) => {
    const keys = ['rows', String(i)];
    const { name, calibrate = false, ...settings } = asMapping(row, reader.at(keys));
    if (typeof name !== 'string' || name.trim() === '') throw wrong(reader, [...keys, 'name'], 'each row needs a name');
    if (typeof calibrate !== 'boolean')
      throw wrong(reader, [...keys, 'calibrate'], `calibrate: expected true or false, got ${JSON.stringify(calibrate)}`);
    const folder = folderName(name);
    const other = taken.get(folder);
    if (other !== undefined)
      throw wrong(
        reader,
        [...keys, 'name'],
        `"${name}" and "${other}" would have the same folder ${folder}: choose another name`,
      );
    taken.set(folder, name);
    const own = readSettings(settings, keys, reader);
    return { name, calibrate, cells: cellsOf({ name, folder, calibrate, own }, options) };
  });
}

function cellsOf(
  { name, folder, calibrate, own }: { name: string; folder: string; calibrate: boolean; own: Settings },
  { shared, seeds, weights, out, onNote }: RowOptions,
): Cell[] {
  const settings: Settings = new Map([...shared, ...own]);
  return seeds.map((seed) => {
    const options = { seed, out: resolve(out, folder, `seed-${seed}`) };
    return { name: `${name}, seed ${seed}`, config: resolveConfig({ settings, options, onNote }), calibrate, weights };
  });
}

function readSettings(value: unknown, keys: readonly string[], { at, file }: Reader): Settings {
  const settings = settingsOf(value, keys, at);
  for (const [path, why] of Object.entries(NOT_SETTINGS))
    if (settings.has(path)) throw wrong({ at, file }, [...keys, path], `${path} is no setting here: ${why}`);
  return settings;
}

function readSeeds(seeds: unknown, reader: Reader): number[] {
  const isSeed = (seed: unknown) => typeof seed === 'number' && Number.isSafeInteger(seed) && seed >= 0;
  if (!Array.isArray(seeds) || seeds.length === 0 || !seeds.every(isSeed))
    throw wrong(reader, ['seeds'], `seeds are needed: a list of whole numbers such as [1, 2, 3], got ${JSON.stringify(seeds)}`);
  const again = seeds.find((seed, i) => seeds.indexOf(seed) !== i);
  if (again !== undefined) throw wrong(reader, ['seeds'], `seed ${again} stands twice`);
  return seeds;
}

/** A name that every file system takes, and on which letters' case does not matter. */
function folderName(name: string): string {
  const plain = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}.]+/gu, '-')
    .replace(/^[-.]+|[-.]+$/g, '');
  return plain === '' ? 'row' : plain;
}

/** Rows share most of their settings, and so what there is to be said of them. */
function once(onNote: (note: string) => void): (note: string) => void {
  const told = new Set<string>();
  return (note) => {
    if (told.has(note)) return;
    told.add(note);
    onNote(note);
  };
}

function wrong({ at }: Reader, keys: readonly string[], message: string): UaferError {
  return new UaferError('USAGE', `${at(keys)}: ${message}.`);
}
