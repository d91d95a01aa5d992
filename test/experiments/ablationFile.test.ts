import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAblation } from '#uafer/experiments/ablationFile.js';
import { temporaryFolder, writeFiles } from '../support/pictures.js';

const BASE = 'base: { recipe: released, dataPath: faces, clipPath: clip.pt, optimizer: { epochs: 3 } }\n';

function read(text: string) {
  using folder = temporaryFolder();
  writeFiles(folder.path, { 'table.yaml': text });
  const notes: string[] = [];
  return { ...readAblation(join(folder.path, 'table.yaml'), 'out', (note) => notes.push(note)), notes };
}

describe('the file of an ablation', () => {
  it("is a training for each row and seed, the row's settings over those of the base", () => {
    const { rows, seeds, weights } = read(
      `${BASE}seeds: [1, 7]\nrows:\n  - name: as released\n  - name: Löss = CE!\n    loss: { lossFunction: ce }\n    optimizer: { lr: 0.5 }\n    calibrate: true\n`,
    );
    expect({ seeds, weights }).toEqual({ seeds: [1, 7], weights: 'best' });
    const [released, other] = rows;
    expect(released?.cells.map(({ name, config: { seed, out } }) => ({ name, seed, out }))).toEqual([
      { name: 'as released, seed 1', seed: 1, out: join(process.cwd(), 'out/as-released/seed-1') },
      { name: 'as released, seed 7', seed: 7, out: join(process.cwd(), 'out/as-released/seed-7') },
    ]);
    expect(released?.cells[0]?.config).toMatchObject({
      recipe: 'released',
      loss: { lossFunction: 'edl' },
      optimizer: { epochs: 3, lr: 1e-4 },
    });
    expect(other).toMatchObject({ name: 'Löss = CE!', calibrate: true });
    expect(other?.cells[1]).toMatchObject({
      calibrate: true,
      weights: 'best',
      config: { seed: 7, loss: { lossFunction: 'ce' }, optimizer: { epochs: 3, lr: 0.5 } },
    });
  });

  it("may differ in the recipe and in the data, over which the base's settings still go", () => {
    const { rows } = read(
      `${BASE}seeds: [1]\nweights: last\nrows: [{ name: a, recipe: quickstart, dataset: folder, dataPath: mine }]\n`,
    );
    expect(rows[0]?.cells[0]).toMatchObject({
      weights: 'last',
      config: {
        recipe: 'quickstart',
        dataset: 'folder',
        dataPath: join(process.cwd(), 'mine'),
        optimizer: { epochs: 3, batchSize: 16 },
      },
    });
  });

  it('tells once of a setting that changes nothing, with its line', () => {
    const { notes } = read(
      `${BASE}seeds: [1, 2, 3]\nrows:\n  - name: a\n    loss:\n      lossFunction: ce\n      annealing: exp\n`,
    );
    expect(notes).toEqual([expect.stringMatching(/table\.yaml:7: loss\.annealing has no effect here/)]);
  });

  const row = 'rows: [{ name: a }]\n';
  it.each([
    [
      'a key that is none',
      `${BASE}seed: [1]\n${row}`,
      /table\.yaml:2: there is no "seed" here\. Did you mean "seeds"\? Expected base, rows, seeds, weights/,
    ],
    ['no seeds', `${BASE}${row}`, /seeds are needed: a list of whole numbers such as \[1, 2, 3\], got undefined/],
    ['a seed that is none', `${BASE}seeds: [1, two]\n${row}`, /table\.yaml:2: seeds are needed.*got \[1,"two"\]/],
    ['a seed twice', `${BASE}seeds: [1, 1]\n${row}`, /table\.yaml:2: seed 1 stands twice/],
    ['no rows', `${BASE}seeds: [1]\n`, /rows are needed/],
    [
      'a row without a name',
      `${BASE}seeds: [1]\nrows:\n  - name: a\n  - loss: { lossFunction: ce }\n`,
      /table\.yaml:5: each row needs a name/,
    ],
    [
      'two rows with one folder',
      `${BASE}seeds: [1]\nrows:\n  - name: A b\n  - name: a-B\n`,
      /table\.yaml:5: "a-B" and "A b" would have the same folder a-b/,
    ],
    [
      'a setting that is none',
      `${BASE}seeds: [1]\nrows:\n  - name: a\n    loss:\n      lossFuncton: ce\n`,
      /table\.yaml:6: there is no setting "loss\.lossFuncton"\. Did you mean "loss\.lossFunction"\?/,
    ],
    [
      'a value that is none',
      `${BASE}seeds: [1]\nrows:\n  - name: a\n    loss: { lossFunction: hinge }\n`,
      /table\.yaml:5: loss\.lossFunction: expected one of edl,/,
    ],
    [
      'a folder in a row',
      `${BASE}seeds: [1]\nrows: [{ name: a, out: here }]\n`,
      /out is no setting here: the folder comes from --out/,
    ],
    [
      'a seed in the base',
      `base: { seed: 3 }\nseeds: [1]\n${row}`,
      /table\.yaml:1: seed is no setting here: seeds stand in the list "seeds"/,
    ],
    [
      'a calibration that is neither',
      `${BASE}seeds: [1]\nrows: [{ name: a, calibrate: maybe }]\n`,
      /calibrate: expected true or false, got "maybe"/,
    ],
    ['weights that are none', `${BASE}seeds: [1]\nweights: first\n${row}`, /table\.yaml:3: expected best or last, got "first"/],
    ['no mapping', '- base\n', /table\.yaml:1: expected settings/],
  ])('%s is an error', (_, text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
