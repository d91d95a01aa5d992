/** Testing a model on pictures of another data set: whose names its classes have. */
import { existsSync, readdirSync } from 'node:fs';
import { counted } from '../counted.js';
import { UaferError } from '../errors.js';
import { packagePath } from '../paths.js';
import { didYouMean } from '../suggest.js';
import { asMapping, readYaml } from '../yamlFile.js';
import type { Dataset, Sample } from './types.js';

/** Of each class of a data set the model's class, or null where its pictures are left out, and the line that says it. */
export interface ClassMap {
  /** As a person named it. */
  name: string;
  classes: ReadonlyMap<string, { to: string | null; where: string }>;
}

/** Where the maps lie that come with the package: `<data set tested on>-to-<data set trained on>`. */
const SHIPPED = 'assets/class-maps';

/** The names of the maps that come with the package. */
export function classMapNames(): string[] {
  const files = readdirSync(packagePath(SHIPPED)).filter((name) => name.endsWith('.yaml'));
  return files.map((name) => name.slice(0, -'.yaml'.length)).sort();
}

/**
 * Reads a map: a file (YAML or JSON) of `class of the data set: class of the model`, or `null` for pictures that are left out; or one that comes
 * with the package, by its name.
 *
 * @throws UaferError `USAGE` naming file and line: no such map, a class that stands twice, a value that is no name, two classes with the same
 *   name, nothing that is not left out
 */
export function readClassMap(name: string): ClassMap {
  const file = mapFile(name);
  const { content, at } = readYaml(file, 'class map');
  const classes = new Map<string, { to: string | null; where: string }>();
  const taken = new Map<string, string>();
  for (const [from, to] of Object.entries(asMapping(content, at([])))) {
    const where = at([from]);
    if (to !== null && typeof to !== 'string')
      throw new UaferError(
        'USAGE',
        `${where}: "${from}" needs the name of one class of the model, or null to leave its pictures out; got ${JSON.stringify(to)}.`,
      );
    const other = to === null ? undefined : taken.get(to);
    if (other !== undefined)
      throw new UaferError(
        'USAGE',
        `${where}: "${from}" and "${other}" are both called "${to}": a class of the model has one class of the data set. Leave one out with null.`,
      );
    if (to !== null) taken.set(to, from);
    classes.set(from, { to, where });
  }
  if (taken.size === 0) throw new UaferError('USAGE', `${file} gives no class a name, so no picture would be left.`);
  return { name, classes };
}

function mapFile(name: string): string {
  if (/\.(ya?ml|json)$/.test(name)) return name;
  const path = packagePath(SHIPPED, `${name}.yaml`);
  if (!/[\\/]/.test(name) && existsSync(path)) return path;
  if (existsSync(name)) return name;
  const names = classMapNames();
  throw new UaferError(
    'USAGE',
    `--class-map: there is no map "${name}".${didYouMean(name, names)} Expected a file (.yaml or .json), or one of: ${names.join(', ')}.`,
  );
}

/**
 * The test part of a data set by the model's classes: labels count them, and votes stand in their order; votes for classes that are left out
 * become votes for answers that are no class. A class of the model that no class of the data set has stays without pictures.
 *
 * @param known the model's classes; null for one that doesn't say them, which then has those that the map names
 * @throws UaferError `USAGE` when the map lacks a class of the data set, or names one that the data set or the model lacks; `DATA` when no
 *   picture is left
 */
export function mapClasses(
  dataset: Dataset,
  map: ClassMap,
  known: readonly string[] | null,
  onNote: (note: string) => void = () => {},
): Dataset {
  const classes = known ?? [...map.classes.values()].flatMap(({ to }) => to ?? []);
  checkMap(dataset, map, known);
  const targets = dataset.classes.map((name) => map.classes.get(name)?.to ?? null);
  const labels = targets.map((to) => (to === null ? null : classes.indexOf(to)));
  const test = dataset.test.flatMap((sample) => {
    const label = labels[sample.label] ?? null;
    return label === null ? [] : [relabelled(sample, label, classes.length, labels)];
  });
  if (test.length === 0)
    throw new UaferError('DATA', `${map.name} leaves out every test picture of ${dataset.root}: there is nothing to evaluate.`);
  for (const note of notes(dataset, map, classes, known !== null)) onNote(note);
  return { ...dataset, classes, train: [], test };
}

/** Everything that doesn't fit, at once. */
function checkMap({ name, classes }: Dataset, map: ClassMap, known: readonly string[] | null): void {
  const lines: string[] = [];
  for (const [from, { to, where }] of map.classes) {
    if (!classes.includes(from))
      lines.push(`${where}: ${name} has no class "${from}".${didYouMean(from, classes)} It has: ${classes.join(', ')}.`);
    if (to !== null && known && !known.includes(to))
      lines.push(`${where}: the model has no class "${to}".${didYouMean(to, known)} It has: ${known.join(', ')}.`);
  }
  const missing = classes.filter((each) => !map.classes.has(each));
  if (missing.length > 0)
    lines.push(
      `It says nothing of ${missing.join(', ')}: give each the name of the model's class, or null to leave its pictures out.`,
    );
  if (lines.length > 0) throw new UaferError('USAGE', [`The class map ${map.name} cannot be used:`, ...lines].join('\n  '));
}

function relabelled(
  { votes: _, voteCounts, ...sample }: Sample,
  label: number,
  classes: number,
  labels: readonly (number | null)[],
): Sample {
  if (!voteCounts) return { ...sample, label };
  const counts = new Array<number>(classes).fill(0);
  const others: number[] = [];
  for (const [i, to] of labels.entries()) {
    if (to === null) others.push(voteCounts[i] as number);
    else counts[to] = voteCounts[i] as number;
  }
  return { ...sample, label, voteCounts: [...counts, ...others, ...voteCounts.slice(labels.length)] };
}

function* notes(dataset: Dataset, map: ClassMap, classes: readonly string[], known: boolean): Generator<string> {
  if (!known) yield `The model doesn't say its classes: it is asked for those that ${map.name} names, ${classes.join(', ')}.`;
  const left = dataset.classes.flatMap((name, label) => {
    if (map.classes.get(name)?.to !== null) return [];
    return [`${name} (${counted(dataset.test.filter((sample) => sample.label === label).length, 'picture')})`];
  });
  if (left.length > 0) yield `Left out by ${map.name}: ${left.join(', ')}.`;
  const named = new Set([...map.classes.values()].map(({ to }) => to));
  const without = classes.filter((name) => !named.has(name));
  if (without.length > 0)
    yield `No class of ${dataset.name} is called ${without.join(' or ')} by ${map.name}: the model may answer so, and is wrong then.`;
}
