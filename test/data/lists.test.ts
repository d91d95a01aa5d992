import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readLists } from '#uafer/data/lists.js';
import { temporaryFolder, writeFiles } from '../support/pictures.js';

const GOOD = {
  'images.txt': '1 a.jpg\n2 b.jpg\n3 c.jpg\n',
  'image_class_labels.txt': '1 5\n2 1\n3 7\n',
  'train_test_split.txt': '1 1\n2 0\n3 1\n',
};

function read(files: Record<string, string>) {
  using folder = temporaryFolder();
  writeFiles(folder.path, { ...GOOD, ...files });
  return readLists({ folder: folder.path, suffix: '', firstLabel: 1, lastLabel: 7 });
}

describe('readLists', () => {
  it('joins the three files by index', () => {
    const rows = read({}).map(({ index, name, label, train }) => ({ index, name, label, train }));
    expect(rows).toEqual([
      { index: 1, name: 'a.jpg', label: 5, train: true },
      { index: 2, name: 'b.jpg', label: 1, train: false },
      { index: 3, name: 'c.jpg', label: 7, train: true },
    ]);
  });

  it('tolerates a byte-order mark, CRLF, blank last lines and spaces within a name', () => {
    const rows = read({ 'images.txt': '\uFEFF1 a face.jpg\r\n2  b.jpg \r\n3 c.jpg\r\n\r\n' });
    expect(rows.map(({ name }) => name)).toEqual(['a face.jpg', 'b.jpg', 'c.jpg']);
  });

  it('sorts by index, whatever the order of the lines', () => {
    expect(read({ 'images.txt': '10 c.jpg\n2 b.jpg\n1 a.jpg', ...indices(1, 2, 10) }).map(({ index }) => index)).toEqual([
      1, 2, 10,
    ]);
  });

  it('takes people from subjects.txt, where it is there and says who is seen', () => {
    const people = (text: string) => read({ 'subjects.txt': text }).map(({ subject }) => subject);
    expect(people('1 ann\n2 Bob Lee\n3 ann\n')).toEqual(['ann', 'Bob Lee', 'ann']);
    expect(people('1 ann\n3 \n')).toEqual(['ann', undefined, undefined]);
    expect(read({}).map((entry) => 'subject' in entry)).toEqual([false, false, false]);
  });

  it.each([
    ['a person without an index', { 'subjects.txt': 'ann\n' }, /subjects\.txt:1: expected "index person", found "ann"/],
    ['a person of a picture that is not there', { 'subjects.txt': '4 ann\n' }, /subjects\.txt:1: index 4 has no line in/],
    [
      'a picture of two people',
      { 'subjects.txt': '1 ann\n1 bob\n' },
      /subjects\.txt:2: index 1 stands already on a line above/,
    ],
    [
      'an index that the labels lack',
      { 'image_class_labels.txt': '1 5\n3 7\n' },
      /images\.txt:2: index 2 has no line in .*image_class_labels\.txt/,
    ],
    [
      'an index that the images lack',
      { 'train_test_split.txt': '1 1\n2 0\n3 1\n4 1\n' },
      /train_test_split\.txt:4: index 4 has no line/,
    ],
    [
      'an index that stands twice',
      { 'images.txt': '1 a.jpg\n2 b.jpg\n3 c.jpg\n2 d.jpg\n' },
      /images\.txt:4: index 2 stands already on line 2/,
    ],
    [
      'a name that stands twice',
      { 'images.txt': '1 a.jpg\n2 b.jpg\n3 a.jpg\n' },
      /images\.txt:3: picture "a\.jpg" stands already on line 1/,
    ],
    [
      'an unknown label',
      { 'image_class_labels.txt': '1 5\n2 0\n3 7\n' },
      /image_class_labels\.txt:2: "0", expected a label from 1 to 7/,
    ],
    [
      'a split that is not 0 or 1',
      { 'train_test_split.txt': '1 1\n2 2\n3 1\n' },
      /train_test_split\.txt:2: "2", expected 1 \(train\) or 0/,
    ],
    ['a line without a value', { 'images.txt': '1 a.jpg\n2\n3 c.jpg\n' }, /images\.txt:2: expected "index value", found "2"/],
    ['a blank line in the middle', { 'images.txt': '1 a.jpg\n\n2 b.jpg\n3 c.jpg\n' }, /images\.txt:2: .*found a blank line/],
    ['an empty file', { 'images.txt': '' }, /images\.txt: no line of the form/],
  ])('names file and line of %s', (_, files, message) => {
    expect(() => read(files)).toThrow(expect.objectContaining({ code: 'DATA', message: expect.stringMatching(message) }));
  });

  it('names a file that is not there', () => {
    using folder = temporaryFolder();
    expect(() => readLists({ folder: folder.path, suffix: '_8cls', firstLabel: 0, lastLabel: 7 })).toThrow(
      /images_8cls\.txt cannot be read/,
    );
  });

  it('counts every problem and lists the first few', () => {
    const wrong = Array.from({ length: 30 }, (_, i) => `${i + 1} 9`).join('\n');
    const names = Array.from({ length: 30 }, (_, i) => `${i + 1} ${i}.jpg`).join('\n');
    const files = {
      'images.txt': names,
      'image_class_labels.txt': wrong,
      'train_test_split.txt': wrong.replaceAll(' 9', ' 1'),
    };
    expect(() => read(files)).toThrow(/30 problems[\s\S]*image_class_labels\.txt:8: [\s\S]*and 22 more$/);
  });

  it('reads as many lines as RAF-DB has in well under a second', () => {
    using folder = temporaryFolder();
    const lines = (value: (i: number) => string) => Array.from({ length: 15339 }, (_, i) => `${i + 1} ${value(i)}`).join('\n');
    writeFileSync(
      join(folder.path, 'images.txt'),
      lines((i) => `train_${i}.jpg`),
    );
    writeFileSync(
      join(folder.path, 'image_class_labels.txt'),
      lines((i) => String(1 + (i % 7))),
    );
    writeFileSync(
      join(folder.path, 'train_test_split.txt'),
      lines((i) => String(i % 2)),
    );
    // Processor time: how busy the machine is with other things does not count.
    const began = process.cpuUsage();
    expect(readLists({ folder: folder.path, suffix: '', firstLabel: 1, lastLabel: 7 })).toHaveLength(15339);
    expect(process.cpuUsage(began).user / 1e6).toBeLessThan(1);
  });
});

function indices(...all: number[]): Record<string, string> {
  return {
    'image_class_labels.txt': all.map((i) => `${i} 1`).join('\n'),
    'train_test_split.txt': all.map((i) => `${i} 1`).join('\n'),
  };
}
