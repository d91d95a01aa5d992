import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { unitLength } from '#uafer/clip/affinity.js';
import { readClip } from '#uafer/clip/readClip.js';
import { ops, toArray } from '#uafer/engine/index.js';
import { classTexts } from '#uafer/uafer/model.js';
import { classTemplates } from '#uafer/uafer/prompts.js';
import { fixture } from '../support/fixtures.js';
import { expectClose } from '../support/numbers.js';
import { temporaryFolder } from '../support/pictures.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const file = (text: string) => {
  const path = join(folder.path, 'prompts.txt');
  writeFileSync(path, text);
  return path;
};

describe('classTemplates', () => {
  it('takes a text as it is', () => {
    expect(classTemplates('a {class} face.txt')).toEqual(['a {class} face.txt']);
  });

  it('takes the lines of a file, without blank ones', () => {
    expect(classTemplates(file('\ufeffa {class} face\r\n\n  {class} \n'))).toEqual(['a {class} face', '{class}']);
  });

  it.each([
    [
      'a line without the class',
      'a {class} face\na face\n',
      /prompts\.txt:2: expected a text with \{class\} in it, got "a face"/,
    ],
    ['an empty file', '\n\n', /prompts\.txt: expected .* found none/],
  ])('refuses %s', (_, text, message) => {
    expect(() => classTemplates(file(text))).toThrow(message);
  });

  it('says what is expected where there is no such file', () => {
    expect(() => classTemplates('nowhere.txt')).toThrow(/nowhere\.txt cannot be read: .*--prompt takes a text with \{class\}/);
  });
});

it('several templates are the mean of their features of unit length', () => {
  const clip = readClip(fixture('tiny2h_clip.safetensors'));
  const classes = ['happy', 'sad'];
  const own = (prompt: string) => classTexts(clip, classes, prompt).unit;
  const ensemble = classTexts(clip, classes, file('{class}\na {class} face\n'));
  const mean = ops.mul(ops.add(own('{class}'), own('a {class} face')), 0.5);
  expectClose(toArray(ensemble.raw), toArray(mean), { absolute: 1e-7 });
  expectClose(toArray(ensemble.unit), toArray(unitLength(mean, -1)), { absolute: 1e-7 });
});
