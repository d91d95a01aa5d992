import { describe, expect, it } from 'vitest';
import { classMapNames, mapClasses, readClassMap } from '#uafer/data/classMap.js';
import { datasetRow } from '#uafer/data/datasets.js';
import type { Dataset, Sample } from '#uafer/data/types.js';
import { temporaryFolder, writeFiles } from '../support/pictures.js';

const NAMED = ['rafdb', 'affectnet', 'affectnet_8', 'ferplus'];

function mapOf(text: string, name = 'map.yaml') {
  using folder = temporaryFolder();
  writeFiles(folder.path, { [name]: text });
  return readClassMap(`${folder.path}/${name}`);
}

function dataset(classes: readonly string[], labels: readonly number[], voteCounts?: readonly number[]): Dataset {
  const test = labels.map((label, i): Sample => ({ file: `${i}`, path: `${i}`, label, ...(voteCounts ? { voteCounts } : {}) }));
  return { name: 'folder', root: 'faces', classes, train: [], test };
}

describe('the maps of the package', () => {
  it('are there for every two data sets that fix their classes', () => {
    const pairs = NAMED.flatMap((from) => NAMED.filter((to) => to !== from).map((to) => `${from}-to-${to}`));
    expect(classMapNames()).toEqual(pairs.sort());
  });

  it.each(classMapNames())('%s fits its data sets, and leaves out what the other one lacks', (name) => {
    const [from, to] = name.split('-to-').map((each) => datasetRow(each).classes ?? []) as [
      readonly string[],
      readonly string[],
    ];
    const { classes, test } = mapClasses(
      dataset(
        from,
        from.map((_, label) => label),
      ),
      readClassMap(name),
      to,
    );
    expect(classes).toEqual(to);
    const kept = from.filter((each) => to.includes(each));
    expect(test.map(({ label }) => to[label])).toEqual(kept);
  });
});

describe('a class map', () => {
  it('counts labels by the model, and leaves out what is null', () => {
    const map = mapOf('joy: happy\ngloom: sad\nodd: null\n');
    const told: string[] = [];
    const mapped = mapClasses(dataset(['gloom', 'joy', 'odd'], [0, 1, 2, 1]), map, ['happy', 'fear', 'sad'], (note) =>
      told.push(note),
    );
    expect(mapped.test.map(({ file, label }) => [file, label])).toEqual([
      ['0', 2],
      ['1', 0],
      ['3', 0],
    ]);
    expect(told).toEqual([
      expect.stringMatching(/^Left out by .*map\.yaml: odd \(1 picture\)\.$/),
      expect.stringMatching(/^No class of folder is called fear by .*: the model may answer so, and is wrong then\.$/),
    ]);
  });

  it('puts votes into the order of the model, and those for what is left out beside those for no class', () => {
    const map = mapOf('{"joy": "happy", "gloom": "sad", "odd": null}', 'map.json');
    const whole = dataset(['gloom', 'joy', 'odd'], [0], [5, 3, 1, 7, 9]);
    expect(mapClasses(whole, map, ['happy', 'fear', 'sad']).test[0]?.voteCounts).toEqual([3, 0, 5, 1, 7, 9]);
  });

  it('says the classes of a model that does not say them', () => {
    const told: string[] = [];
    const mapped = mapClasses(dataset(['gloom', 'joy'], [0, 1]), mapOf('joy: happy\ngloom: sad\n'), null, (note) =>
      told.push(note),
    );
    expect(mapped.classes).toEqual(['happy', 'sad']);
    expect(mapped.test.map(({ label }) => label)).toEqual([1, 0]);
    expect(told).toEqual([expect.stringMatching(/doesn't say its classes.*happy, sad/)]);
  });

  it.each([
    ['a name for two classes', 'joy: happy\ngloom: happy\n', /map\.yaml:2: "gloom" and "joy" are both called "happy"/],
    ['a class twice', 'joy: happy\njoy: sad\n', /map\.yaml:2: not YAML: Map keys must be unique/],
    ['two names for a class', 'joy: [happy, sad]\n', /map\.yaml:1: "joy" needs the name of one class of the model, or null/],
    ['a number', 'joy: 3\n', /map\.yaml:1: "joy" needs the name/],
    ['nothing', '', /expected settings like "name: value", got null/],
    ['a list', '- joy\n', /expected settings like "name: value"/],
    ['everything left out', 'joy: null\n', /gives no class a name/],
  ])('with %s is an error', (_, text, message) => {
    expect(() => mapOf(text)).toThrow(message);
  });

  it('that has holes or names of nothing is an error that names all of them', () => {
    const map = mapOf('joy: hapy\ngloom: sad\nod: null\n');
    const message = (() => {
      try {
        mapClasses(dataset(['gloom', 'joy', 'odd'], [0]), map, ['happy', 'sad']);
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(message).toMatch(/map\.yaml:1: the model has no class "hapy"\. Did you mean "happy"\? It has: happy, sad\./);
    expect(message).toMatch(/map\.yaml:3: folder has no class "od"\. Did you mean "odd"\?/);
    expect(message).toMatch(/It says nothing of odd: give each the name of the model's class, or null/);
  });

  it('that leaves no picture is an error', () => {
    expect(() => mapClasses(dataset(['gloom', 'joy'], [0]), mapOf('joy: happy\ngloom: null\n'), ['happy', 'sad'])).toThrow(
      /leaves out every test picture of faces/,
    );
  });

  it('that is nowhere is told with those that there are', () => {
    expect(() => readClassMap('ferplus-to-rafdv')).toThrow(/Did you mean "ferplus-to-rafdb"\?/);
    expect(() => readClassMap('nowhere.yaml')).toThrow(/Cannot read the class map nowhere\.yaml/);
  });
});
