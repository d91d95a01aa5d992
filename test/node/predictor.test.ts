/** The predictor of Node.js with the model of the package, on real pictures. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPredictor, type Prediction, type Predictor } from '#uafer/node/index.js';
import { packagePath } from '#uafer/paths.js';
import { defaultModel } from '#uafer/runtime/modelFolder.js';
import { temporaryFolder } from '../support/pictures.js';

const PHOTOS = packagePath('examples', 'photos');
const FACES = packagePath('assets', 'faces');
const three = join(PHOTOS, 'three.jpg');
const faces = readdirSync(FACES).map((name) => join(FACES, name));
const folder = temporaryFolder();
let predictor: Predictor;

beforeAll(async () => {
  predictor = await createPredictor();
});
afterAll(async () => {
  await predictor.close();
  folder[Symbol.dispose]();
});

const expressions = ({ faces: found }: Prediction) => found.map(({ expression }) => expression);

describe('photos', () => {
  it.each([
    ['astronaut', 1],
    ['three', 3],
    ['four', 4],
    ['five', 5],
  ])('%s.jpg: finds every face, each with an answer that adds up', async (name, count) => {
    const { faces: found, width, height } = await predictor.predict(join(PHOTOS, `${name}.jpg`));
    expect(found).toHaveLength(count);
    for (const { box, probabilities, expression, uncertainty, ambiguity } of found) {
      expect(box.left + box.width).toBeGreaterThan(0);
      expect(box.left).toBeLessThan(width);
      expect(box.top).toBeLessThan(height);
      const values = Object.values(probabilities);
      expect(values.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
      expect(probabilities[expression]).toBe(Math.max(...values));
      for (const share of [uncertainty, ambiguity]) expect(share >= 0 && share <= 1).toBe(true);
    }
  });

  it('with broad smiles are happy', async () => {
    expect(expressions(await predictor.predict(join(PHOTOS, 'astronaut.jpg')))).toEqual(['happy']);
  });

  it('are the same picture as a path, a URL, bytes and pixels', async () => {
    const { data, info } = await sharp(three).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const pixels = { data, width: info.width, height: info.height, channels: 3 } as const;
    const expected = await predictor.predict(three);
    for (const input of [pathToFileURL(three), readFileSync(three), pixels])
      expect(await predictor.predict(input)).toEqual(expected);
  });
});

describe('the same answer', () => {
  it('alone, among others, and with any number of threads', async () => {
    const alone: Prediction[] = [];
    for (const face of faces) alone.push(await predictor.predict(face, { aligned: true }));
    const together: Prediction[] = [];
    for await (const answer of predictor.predictMany(faces, { aligned: true }))
      if ('prediction' in answer) together.push(answer.prediction);
    expect(together).toEqual(alone);
    await using single = await createPredictor({ threads: 1 });
    expect(await single.predict(three)).toEqual(await predictor.predict(three));
  });

  it('on WebAssembly, to a thousandth', async () => {
    await using wasm = await createPredictor({ backend: 'wasm', threads: 1 });
    expect(wasm.backend).toMatch(/^onnxruntime-web.* \(WebAssembly\)$/);
    const [native, other] = [await predictor.predict(three), await wasm.predict(three)];
    expect(expressions(other)).toEqual(expressions(native));
    other.faces.forEach(({ probabilities }, i) => {
      for (const [name, p] of Object.entries(probabilities))
        expect(Math.abs(p - (native.faces[i]?.probabilities[name] as number))).toBeLessThan(1e-3);
    });
  });
});

describe('an odd picture', () => {
  const file = (name: string, bytes: Uint8Array | string) => {
    const path = join(folder.path, name);
    writeFileSync(path, bytes);
    return path;
  };
  /** A PNG's beginning that claims a size; nothing follows. */
  const hugePng = () => {
    const header = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
    const size = Buffer.alloc(8);
    size.writeUInt32BE(50_000, 0);
    size.writeUInt32BE(50_000, 4);
    return Buffer.concat([header, size, Buffer.from('0802000000', 'hex'), Buffer.alloc(8)]);
  };

  it.each<[string, () => string]>([
    ['of no bytes', () => file('empty.jpg', '')],
    ['that is a text', () => file('text.jpg', 'this is no picture\n'.repeat(100))],
    ['that is cut off', () => file('cut.jpg', readFileSync(three).subarray(0, 20_000))],
    ['that claims 50,000 x 50,000 pixels', () => file('huge.png', hugePng())],
    ['that is not there', () => join(folder.path, 'nowhere.jpg')],
  ])('%s is named, and why', async (_, make) => {
    const path = make();
    await expect(predictor.predict(path)).rejects.toMatchObject({
      code: 'IMAGE',
      message: expect.stringMatching(/\.(jpg|png) cannot be read as a picture: \S/),
    });
  });

  it('in CMYK, in 16 bits, with transparency, grey or moving has its face all the same', async () => {
    const photo = sharp(join(PHOTOS, 'astronaut.jpg'));
    const variants: [string, Promise<Buffer>][] = [
      ['cmyk.jpg', photo.clone().toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer()],
      ['deep.png', photo.clone().toColourspace('rgb16').png().toBuffer()],
      ['see-through.png', photo.clone().ensureAlpha(0.5).png().toBuffer()],
      ['grey.png', photo.clone().greyscale().png().toBuffer()],
      ['moving.gif', photo.clone().gif().toBuffer()],
    ];
    for (const [name, bytes] of variants)
      expect(expressions(await predictor.predict(file(name, await bytes))), name).toEqual(['happy']);
  });

  it('that its EXIF turns is seen upright', async () => {
    const turned = await sharp(join(PHOTOS, 'astronaut.jpg'))
      .rotate(90)
      .withMetadata({ orientation: 8 })
      .jpeg({ quality: 95 })
      .toBuffer();
    const { faces: found } = await predictor.predict(turned);
    const [upright] = (await predictor.predict(join(PHOTOS, 'astronaut.jpg'))).faces;
    expect(found).toHaveLength(1);
    expect(Math.abs((found[0]?.box.left ?? 0) - (upright?.box.left ?? 0))).toBeLessThan(3);
  });

  it('of one pixel has no face', async () => {
    const dot = { data: Uint8Array.of(1, 2, 3), width: 1, height: 1, channels: 3 } as const;
    expect((await predictor.predict(dot)).faces).toEqual([]);
    expect((await predictor.predict(dot, { aligned: true })).faces).toHaveLength(1);
  });

  it('of pixels that are too few, or of a URL that is no file, is refused', async () => {
    const few = { data: new Uint8Array(5), width: 2, height: 2, channels: 3 } as const;
    await expect(predictor.predict(few)).rejects.toThrow(/2 x 2 with 3 channels: .*got 5 bytes/);
    await expect(predictor.predict(new URL('https://example.org/a.jpg'))).rejects.toThrow(/only URLs of files are read/);
  });
});

describe('a model', () => {
  const copy = (name: string) => {
    const path = join(folder.path, name);
    cpSync(defaultModel(), path, { recursive: true });
    return path;
  };
  const change = (path: string, from: RegExp, to: string) =>
    writeFileSync(join(path, 'model.json'), readFileSync(join(path, 'model.json'), 'utf8').replace(from, to));

  it.each<[string, (path: string) => void, RegExp]>([
    ['without model.json', (path) => writeFileSync(join(path, 'model.json'), ''), /model\.json is not JSON/],
    ['of another format', (path) => change(path, /"uafer-model"/, '"other"'), /not of an exported model/],
    [
      'of a later version',
      (path) => change(path, /"version": 1/, '"version": 7'),
      /of version 7, and this uafer reads version 1/,
    ],
    ['with a damaged model.json', (path) => change(path, /"topk": \d+/, '"topk": -1'), /is damaged:[\s\S]*topk/],
    [
      'with another checksum',
      (path) => {
        const network = join(path, 'model.onnx');
        const bytes = readFileSync(network);
        bytes[bytes.length - 1000] = (bytes[bytes.length - 1000] as number) ^ 1;
        writeFileSync(network, bytes);
      },
      /model\.onnx is not the network of its model\.json \(another checksum\)/,
    ],
    [
      'that is cut off',
      (path) => writeFileSync(join(path, 'model.onnx'), 'x'),
      /model\.onnx is not the network .*\(1 bytes, expected/,
    ],
  ])('%s is refused, and named', async (name, damage, message) => {
    const path = copy(name.replaceAll(' ', '-'));
    damage(path);
    await expect(createPredictor({ model: path })).rejects.toMatchObject({
      code: 'DATA',
      message: expect.stringMatching(message),
    });
  });

  it('that is no folder, or has nothing in it, is refused', async () => {
    await expect(createPredictor({ model: join(folder.path, 'nothing') })).rejects.toThrow(/nothing is no folder/);
    mkdirSync(join(folder.path, 'bare'));
    await expect(createPredictor({ model: join(folder.path, 'bare') })).rejects.toThrow(
      /bare has no model\.json.*uafer export/,
    );
  });

  it('whose ONNX file is another network, or none, is refused even when its checksum is right', async () => {
    const { createHash } = await import('node:crypto');
    for (const [name, bytes, message] of [
      ['detector', readFileSync(packagePath('models', 'mtcnn-rnet.onnx')), /lacks the output logits/],
      ['rubbish', Buffer.from('no network at all'), /is not an ONNX network that can be loaded/],
    ] as const) {
      const path = copy(name);
      writeFileSync(join(path, 'model.onnx'), bytes);
      change(path, /"sha256": "[0-9a-f]+"/, `"sha256": "${createHash('sha256').update(bytes).digest('hex')}"`);
      change(path, /"bytes": \d+/, `"bytes": ${bytes.length}`);
      await expect(createPredictor({ model: path })).rejects.toMatchObject({
        code: 'DATA',
        message: expect.stringMatching(message),
      });
    }
  });
});

it('refuses options that make no sense', async () => {
  await expect(createPredictor({ threads: 0 })).rejects.toThrow(/threads: expected a whole number from 1 to 256, got 0/);
  await expect(createPredictor({ detector: 'yolo' as 'mtcnn' })).rejects.toThrow(
    /detector: expected blazeface or mtcnn, got "yolo"/,
  );
});
