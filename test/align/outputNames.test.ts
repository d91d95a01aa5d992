import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faceNames, type OutputNames, planNames } from '#uafer/align/outputNames.js';

const namesOf = (files: readonly string[], others: readonly string[] = []) => {
  const { of } = planNames(files, others);
  return (file: string) => of.get(file) as OutputNames;
};

describe('planNames', () => {
  it('gives each picture its own name, and numbers several faces', () => {
    const of = namesOf(['a.jpg', 'deep/b.PNG', 'c.webp']);
    expect([of('a.jpg').single, of('deep/b.PNG').single, of('c.webp').single]).toEqual(['a.jpg', 'deep/b.PNG', 'c.webp.png']);
    expect(faceNames(of('deep/b.PNG'), 2)).toEqual(['deep/b_1.PNG', 'deep/b_2.PNG']);
    expect(faceNames(of('c.webp'), 3)).toEqual(['c.webp_1.png', 'c.webp_2.png', 'c.webp_3.png']);
    expect(of('c.webp').copy).toBe('c.webp');
    expect(planNames(['a.jpg'], []).preview).toBe('preview.png');
  });

  it('never gives a face the name of another photo, whose own it is', () => {
    const of = namesOf(['a.jpg', 'a_1.jpg', 'a_3.jpg', 'a_3_.jpg', 'a_1_2.jpg']);
    expect(of('a_1.jpg').single).toBe('a_1.jpg');
    expect(faceNames(of('a.jpg'), 4)).toEqual(['a_1_.jpg', 'a_2.jpg', 'a_3__.jpg', 'a_4.jpg']);
    expect(faceNames(of('a_1.jpg'), 2)).toEqual(['a_1_1.jpg', 'a_1_2_.jpg']);
  });

  it('keeps apart photos whose names differ in the ending alone', () => {
    const of = namesOf(['x.webp', 'x.webp.png', 'x.bmp', 'x.gif']);
    expect(of('x.webp.png').single).toBe('x.webp.png');
    expect(of('x.webp').single).toBe('x.webp_.png');
    expect(faceNames(of('x.webp'), 2)).toEqual(['x.webp__1.png', 'x.webp__2.png']);
    expect([of('x.bmp').single, of('x.gif').single]).toEqual(['x.bmp.png', 'x.gif.png']);
  });

  it('takes no name of a folder, of the records, or of a picture that is there of another photo', () => {
    expect(namesOf(['x.webp', 'x.webp.png/y.jpg'])('x.webp').single).toBe('x.webp_.png');
    expect(namesOf(['faces.jsonl'])('faces.jsonl').copy).toBe('faces_.jsonl');
    const of = namesOf(['a_1.jpg', 'b.jpg'], ['a_1.jpg', 'b_2.jpg']);
    expect(of('a_1.jpg').single).toBe('a_1_.jpg');
    expect(faceNames(of('b.jpg'), 2)).toEqual(['b_1.jpg', 'b_2_.jpg']);
    expect(planNames(['preview.png'], []).preview).toBe('preview_.png');
  });

  it('never gives two pictures the same name, whatever is found; the order of the photos does not matter', () => {
    const stem = fc.string({ unit: fc.constantFrom('a', '_', '1', '.', '2', '/'), minLength: 1, maxLength: 6 });
    const file = fc
      .tuple(stem, fc.constantFrom('.jpg', '.png', '.webp', '.webp.png', '', '_1.jpg'))
      .map(([name, ending]) => `${name}${ending}`.replace(/\/+/g, '/').replace(/^\/|\/$/g, ''))
      .filter((name) => name !== '' && !name.split('/').some((part) => /^\.*$/.test(part)));
    const files = fc.uniqueArray(file, { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(files, fc.uniqueArray(file, { maxLength: 4 }), fc.infiniteStream(fc.nat(4)), (photos, others, counts) => {
        const { of, preview } = planNames(photos, others);
        const written = photos.flatMap((photo) => {
          const names = of.get(photo) as OutputNames;
          const count = counts.next().value as number;
          return count === 0 ? [names.copy] : faceNames(names, count);
        });
        const all = [...written, ...others, preview, 'faces.jsonl', 'left-out.txt'];
        expect(new Set(all).size).toBe(all.length);
        // Nor is a picture written where a folder must be.
        const inside = [...photos, ...others].flatMap((name) =>
          name.split('/').map((_, i, parts) => parts.slice(0, i).join('/')),
        );
        for (const name of written) expect(inside).not.toContain(name);
        expect(planNames([...photos].reverse(), others)).toEqual({ of, preview });
      }),
      { numRuns: 2000 },
    );
  });
});
