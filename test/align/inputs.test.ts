import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findPictures, withLandmarks } from '#uafer/align/inputs.js';
import { temporaryFolder, writeFiles } from '../support/pictures.js';

const names = (jobs: readonly { file: string }[]) => jobs.map(({ file }) => file);

describe('findPictures', () => {
  it('keeps the tree of a folder, and leaves alone what is no picture', () => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { 'in/b.jpg': '', 'in/a/z.PNG': '', 'in/a/notes.txt': '', 'in/.hidden/x.jpg': '', 'in/c.bmp': '' });
    const jobs = findPictures([join(folder.path, 'in')], join(folder.path, 'out'));
    expect(names(jobs)).toEqual(['a/z.PNG', 'b.jpg', 'c.bmp']);
    expect(jobs[0]?.path).toBe(join(folder.path, 'in', 'a/z.PNG'));
  });

  it('takes a list by its lines, relative to the list, and a file by its name', () => {
    using folder = temporaryFolder();
    writeFiles(folder.path, {
      'x/one.jpg': '',
      'two.jpg': '',
      'list.txt': './x/one.jpg\r\n\ntwo.jpg\n',
      'elsewhere/three.jpg': '',
    });
    const inputs = [join(folder.path, 'list.txt'), join(folder.path, 'elsewhere/three.jpg')];
    expect(names(findPictures(inputs, join(folder.path, 'out')))).toEqual(['three.jpg', 'two.jpg', 'x/one.jpg']);
  });

  it('names the lines of a list whose pictures are not there', () => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { 'here.jpg': '', 'list.txt': 'here.jpg\ngone.jpg\nlost/too.jpg\n' });
    const find = () => findPictures([join(folder.path, 'list.txt')], join(folder.path, 'out'));
    expect(find).toThrow(/2 problems[\s\S]*list\.txt:2: there is no picture .*gone\.jpg[\s\S]*list\.txt:3/);
  });

  it('refuses what is not there, an output inside of the input or over the photo, names that collide, and nothing', () => {
    using folder = temporaryFolder();
    const at = (...parts: string[]) => join(folder.path, ...parts);
    writeFiles(folder.path, { 'in/a.jpg': '', 'other/a.jpg': '', 'empty/readme.md': '' });
    mkdirSync(at('in', 'below'));
    const refused = (inputs: string[], out: string) => {
      try {
        findPictures(inputs, out);
      } catch (error) {
        expect(error).toMatchObject({ code: 'USAGE' });
        return (error as Error).message;
      }
      throw new Error('expected an error');
    };
    expect(refused([at('nowhere')], at('out'))).toMatch(/nowhere does not exist: expected a picture, a folder or a list/);
    for (const out of ['in', 'in/below', 'in/new/deep'])
      expect(refused([at('in')], at(out))).toMatch(/lies in .*in, which stays/);
    expect(refused([at('in', 'a.jpg')], at('in'))).toMatch(/holds the photo a\.jpg/);
    expect(refused([at('in'), at('other')], at('out'))).toMatch(/would both become a\.jpg/);
    expect(refused([at('empty')], at('out'))).toMatch(/no picture in/);
    expect(names(findPictures([at('in')], at('in-aligned')))).toEqual(['a.jpg']);
  });
});

describe('withLandmarks', () => {
  it("finds a picture's file by RAF-DB's endings or its bare name, and names the pictures without one", () => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { 'm/train_1_manu_attri.txt': '', 'm/train_2_auto_attri.txt': '', 'm/three.txt': '' });
    const jobs = ['sub/train_1.jpg', 'train_2.jpg', 'three.png'].map((file) => ({ file, path: file }));
    const found = withLandmarks(jobs, join(folder.path, 'm')).map(({ landmarks }) => landmarks?.slice(folder.path.length + 1));
    expect(found).toEqual(['m/train_1_manu_attri.txt', 'm/train_2_auto_attri.txt', 'm/three.txt']);
    expect(() => withLandmarks([{ file: 'four.jpg', path: 'four.jpg' }], join(folder.path, 'm'))).toThrow(
      /four\.jpg: there is no/,
    );
    expect(() => withLandmarks(jobs, join(folder.path, 'gone'))).toThrow(/--landmarks: .*gone does not exist/);
  });
});
