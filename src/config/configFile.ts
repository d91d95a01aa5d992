/** Reading YAML configuration: every setting keeps the file and line it came from, so that an error can name them. */
import { UaferError } from '../errors.js';
import { didYouMean } from '../suggest.js';
import { asMapping, type Place, readYaml } from '../yamlFile.js';
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
  const { content, at } = readYaml(file, 'configuration');
  const { datasets = {}, ...settings } = asMapping(content, at([]));
  const sections = Object.entries(asMapping(datasets, at(['datasets'])));
  return {
    settings: settingsOf(settings, [], at),
    datasets: new Map(sections.map(([name, value]) => [name, settingsOf(value, ['datasets', name], at)])),
  };
}

/**
 * The settings that stand at `root` of a file, as `at` tells its lines. Values are not judged here. Throws `USAGE` for a key that doesn't exist.
 */
export function settingsOf(value: unknown, root: readonly string[], at: Place): Settings {
  const settings = new Map<string, Setting>();
  for (const [name, item] of Object.entries(asMapping(value, at(root)))) {
    const keys = [...root, name];
    const inSection: [string, unknown][] = configSections.has(name)
      ? Object.entries(asMapping(item, at(keys))).map(([leaf, leafValue]) => [`${name}.${leaf}`, leafValue])
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
