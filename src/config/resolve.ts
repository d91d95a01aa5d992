/** From a recipe, a configuration file and options to the configuration of a run. */
import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { datasetRow } from '../data/datasets.js';
import { UaferError } from '../errors.js';
import { downloadedClip } from '../manifest.js';
import { packagePath } from '../paths.js';
import { didYouMean } from '../suggest.js';
import { type ConfigFile, readConfigFile, type Setting, type Settings, unknownKey } from './configFile.js';
import { CONFIG_FILE, defaultRunPath } from './defaultRunPath.js';
import { configFields, optionName } from './fields.js';
import { ineffectiveSettings } from './ineffective.js';
import { type TrainConfig, trainConfigSchema } from './schema.js';

export interface ConfigSources {
  /** Name of a file in `recipes/`, or a path to a `.yaml`; else what `configFile` names, else `released`. */
  recipe?: string | undefined;
  configFile?: string | undefined;
  /** Settings that were read elsewhere, over those of `configFile`. */
  settings?: Settings | undefined;
  /** Values by dotted path, e.g. `{ 'model.alpha': 0.3 }`. */
  options?: Readonly<Record<string, unknown>>;
  /** Told, in a sentence, what was chosen because nothing was said, and what was said and changes nothing. */
  onNote?: (note: string) => void;
}

/**
 * The configuration of a run: the recipe, over it what the recipe says for this data set, then `configFile`, `settings` and `options`. Paths
 * become absolute. Throws `USAGE` that names every wrong value by its option or its file and line.
 */
export function resolveConfig(sources: ConfigSources): TrainConfig {
  const read: Settings = sources.configFile === undefined ? new Map() : repeatable(sources.configFile);
  const file: Settings = new Map([...read, ...(sources.settings ?? [])]);
  const options = optionSettings(sources.options ?? {});
  const recipe = sources.recipe ?? String(file.get('recipe')?.value ?? 'released');
  // A run's own configuration says everything: the recipe that it was started with may be gone by now.
  const complete = sources.recipe === undefined && trainConfigSchema.safeParse(nested(file)).success;
  const base: ConfigFile = complete ? { settings: new Map(), datasets: new Map() } : readConfigFile(recipePath(recipe));
  const dataset = [options, file, base.settings]
    .map((layer) => layer.get('dataset')?.value)
    .find((value) => value !== undefined);
  const settings = new Map([...base.settings, ...(base.datasets.get(String(dataset)) ?? []), ...file, ...options]);
  settings.set('recipe', { value: recipe, where: '--recipe' });
  const config = validate(settings);
  for (const { path, why } of ineffectiveSettings(config)) {
    const made = options.get(path) ?? (complete ? undefined : file.get(path));
    if (made) sources.onNote?.(`${made.where} has no effect here: ${why}.`);
  }
  const clipPath = config.clipPath || defaultClip(config, sources.onNote);
  const { extraPath, foldList, centerCrop = datasetRow(config.dataset).centerCrop ?? false } = config.data;
  return {
    ...config,
    dataPath: resolve(config.dataPath),
    clipPath: clipPath && resolve(clipPath),
    out: resolve(config.out || defaultRunPath(config, new Date())),
    data: { ...config.data, centerCrop, ...absolute({ extraPath, foldList }) },
  };
}

function absolute(paths: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(paths).flatMap(([name, path]) => (path === undefined ? [] : [[name, resolve(path)]])),
  );
}

/** The names that `--recipe` takes. */
export function recipeNames(): string[] {
  const files = readdirSync(packagePath('recipes')).filter((name) => name.endsWith('.yaml'));
  return files.map((name) => name.slice(0, -'.yaml'.length)).sort();
}

function recipePath(recipe: string): string {
  if (/\.ya?ml$/.test(recipe)) return recipe;
  const path = packagePath('recipes', `${recipe}.yaml`);
  if (existsSync(path)) return path;
  const names = recipeNames();
  throw new UaferError(
    'USAGE',
    `--recipe: there is no recipe "${recipe}".${didYouMean(recipe, names)} There are: ${names.join(', ')}.`,
  );
}

/** A run's own `config.yaml` repeats the run, and a repetition goes into a folder of its own. */
function repeatable(file: string): Settings {
  const settings = new Map(readConfigFile(file).settings);
  const out = settings.get('out')?.value;
  if (typeof out === 'string' && resolve(out, CONFIG_FILE) === resolve(file)) settings.delete('out');
  return settings;
}

function optionSettings(options: Readonly<Record<string, unknown>>): Settings {
  const settings = new Map<string, Setting>();
  for (const [path, value] of Object.entries(options)) {
    if (!configFields.has(path)) throw unknownKey(path, 'options');
    settings.set(path, { value, where: optionName(path) });
  }
  return settings;
}

/** CLIP ViT-B/16 where it was downloaded, else the small backbone that is shipped; pre-training starts from nothing. */
function defaultClip({ task }: TrainConfig, onNote: (note: string) => void = () => {}): string {
  if (task === 'pretrain') return '';
  const downloaded = downloadedClip();
  if (downloaded) return downloaded;
  const small = packagePath('models', 'uafer-clip-small.safetensors');
  if (!existsSync(small)) {
    throw new UaferError(
      'USAGE',
      '--clip-path is needed: expected CLIP weights (ViT-B-16.pt). `uafer download clip` fetches them.',
    );
  }
  onNote(
    `No --clip-path was given and CLIP ViT-B/16 isn't downloaded: starting from the small backbone ${small}. ` +
      '`uafer download clip` fetches the original one.',
  );
  return small;
}

function validate(settings: Settings): TrainConfig {
  const parsed = trainConfigSchema.safeParse(nested(settings));
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => complaint(issue.path.join('.'), issue.message, settings));
  throw new UaferError('USAGE', lines.join('\n'));
}

function nested(settings: Settings): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  for (const [path, { value }] of settings) {
    const [section, leaf] = path.split('.') as [string, string | undefined];
    if (leaf === undefined) config[section] = value;
    else config[section] = { ...(config[section] as object | undefined), [leaf]: value };
  }
  return config;
}

function complaint(path: string, expected: string, settings: Settings): string {
  const setting = settings.get(path);
  if (setting) {
    const choices = configFields.get(path)?.choices ?? [];
    return `${setting.where}: expected ${expected}, got ${shown(setting.value)}.${didYouMean(String(setting.value), choices)}`;
  }
  const around = settings.get(path.split('.')[0] as string);
  if (around) return `${around.where}: ${path}: expected ${expected}.`;
  return `${optionName(path)} is needed: expected ${expected} (in a configuration file: ${path})`;
}

/** JSON has no word for what a number of 400 digits becomes. */
function shown(value: unknown): string {
  if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY)
    return `a number beyond ${Number.MAX_VALUE.toPrecision(2)}`;
  return Number.isNaN(value) ? 'no number (NaN)' : JSON.stringify(value);
}
