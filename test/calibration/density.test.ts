import { describe, expect, it } from 'vitest';
import { type Calibration, calibratedAnswer, calibrationSchema } from '#uafer/calibration/calibration.js';
import {
  type Density,
  densityScores,
  fitDensity,
  fold,
  type PictureFeatures,
  standardizedDensity,
  type TrainingPicture,
} from '#uafer/calibration/density.js';
import { fitCalibration } from '#uafer/calibration/fitCalibration.js';
import { decodeNumbers, encodeNumbers } from '#uafer/calibration/packedNumbers.js';
import { createRandom } from '#uafer/random.js';

const CLASSES = 3;
const random = createRandom({ seed: 8, epoch: 0, stream: 9, position: 0 });
const drawn = (width: number, spread = 1) => Array.from({ length: width }, () => spread * random.uniform(-1, 1));
const unit = (x: number[]) => x.map((value) => value / Math.hypot(...x));

function picture(label: number, { width = 6, shift = 0 } = {}): TrainingPicture {
  const feature = unit(drawn(width).map((value, k) => value + (k === label ? 2 : 0)));
  const layers = { 'stem.1': drawn(4).map((value) => value + shift), 'block.1': drawn(5).map((value) => value + shift) };
  return { features: { feature, layers }, logits: feature.slice(0, CLASSES).map((value) => 5 * value), label };
}

const many = (count: number, options = {}) => Array.from({ length: count }, (_, i) => picture(i % CLASSES, options));
const weights = { values: Float32Array.from([1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]), width: 6 };
const asked = { weights, layers: ['stem.1', 'block.1'], fittedOn: 'made-up pictures' };
const training = many(200);
const validation = many(60);
const density = standardizedDensity(
  fitDensity(training, asked),
  validation.map(({ features }) => features),
);

describe('what is known of the pictures of training', () => {
  it('is the same to the last bit from the same pictures, and through JSON', () => {
    expect(JSON.stringify(fitDensity(training, asked))).toBe(JSON.stringify(fitDensity(training, asked)));
    const read: Density = JSON.parse(JSON.stringify(density));
    for (const { features, logits } of validation.slice(0, 5))
      expect(densityScores(features, logits, read)).toEqual(densityScores(features, logits, density));
  });

  it('has distances of layers of mean 0 and deviation 1 on the pictures that they are standardised by', () => {
    const one = standardizedDensity(
      fitDensity(training, { ...asked, layers: ['block.1'] }),
      validation.map(({ features }) => features),
    );
    const distances = validation.map(({ features, logits }) => densityScores(features, logits, one).layers);
    const mean = distances.reduce((sum, value) => sum + value, 0) / distances.length;
    const squares = distances.reduce((sum, value) => sum + (value - mean) ** 2, 0) / distances.length;
    expect(mean).toBeCloseTo(0, 10);
    expect(squares).toBeCloseTo(1, 10);
  });

  it('finds a picture the more unlike the further its layers lie away', () => {
    const distances = [0, 1, 2, 5, 20, 1000].map((shift) => {
      const shifted = training.slice(0, 40).map(({ features }) => moved(features, shift));
      return shifted.reduce((sum, features) => sum + densityScores(features, [1, 0, 0], density).layers, 0);
    });
    expect(distances).toEqual(distances.toSorted((a, b) => a - b));
  });

  it('has a value for pictures that are all the same', () => {
    const same = Array.from({ length: 6 }, () => training[0] as TrainingPicture);
    const flat = standardizedDensity(
      fitDensity(same, asked),
      same.map(({ features }) => features),
    );
    const { features, logits } = same[0] as TrainingPicture;
    expect(Object.values(densityScores(features, logits, flat)).every(Number.isFinite)).toBe(true);
    const far = densityScores((training[1] as TrainingPicture).features, logits, flat);
    expect(far.layers).toBeGreaterThan(densityScores(features, logits, flat).layers);
  });

  it('refuses too few pictures, and features that are no numbers', () => {
    expect(() => fitDensity(training.slice(0, 1), asked)).toThrow(/Features of 1 training pictures/);
    const broken = [...training.slice(0, 3), { ...(training[3] as TrainingPicture) }];
    (broken[3] as TrainingPicture).features = {
      ...(training[3] as TrainingPicture).features,
      feature: drawn(6).fill(Number.NaN),
    };
    expect(() => fitDensity(broken, asked)).toThrow(/not all numbers: the weights are broken/);
  });

  it('that is damaged is told of', () => {
    const damaged = structuredClone(density);
    const [layer] = damaged.layers as [Density['layers'][number]];
    layer.gaussian.whitening = layer.gaussian.whitening.slice(0, 8);
    const { features, logits } = training[0] as TrainingPicture;
    expect(() => densityScores(features, logits, damaged)).toThrow(/density of a calibration is damaged.*calibrate --density/);
    layer.gaussian.mean = 'no Base64!';
    expect(calibrationSchema.shape.density.safeParse(damaged).error?.message).toMatch(/numbers of single precision in Base64/);
  });
});

function moved({ feature, layers }: PictureFeatures, shift: number): PictureFeatures {
  const far = Object.entries(layers).map(([name, means]) => [name, Array.from(means, (value) => value + shift)] as const);
  return { feature, layers: Object.fromEntries(far) };
}

describe('wide features', () => {
  it('keep their distances but for a few hundredths, and narrow ones stay', () => {
    expect(fold([3, 4])).toEqual([3, 4]);
    for (let run = 0; run < 50; run++) {
      const x = Float64Array.from(drawn(768));
      const folded = Array.from(fold(x));
      expect(folded).toHaveLength(256);
      // The squared length has a relative deviation of sqrt(2 / 256) = 0.09: half of it is that of the length, five of those are 0.22.
      expect(Math.abs(Math.hypot(...folded) / Math.hypot(...x) - 1)).toBeLessThan(0.22);
    }
  });
});

describe('numbers as text', () => {
  it('come back in single precision', () => {
    const values = [0, -1.5, 1e-30, Math.PI, 65504];
    expect([...decodeNumbers(encodeNumbers(values))]).toEqual(values.map(Math.fround));
    expect(() => decodeNumbers('AAA=')).toThrow(/2 bytes are no numbers of 4/);
    expect(decodeNumbers(encodeNumbers(new Float32Array(50_000).fill(2)))).toHaveLength(50_000);
  });
});

describe('an answer', () => {
  const calibration: Calibration = {
    scaling: { kind: 'temperature', temperature: 1 },
    evidence: null,
    riskHead: null,
    conformal: null,
    decision: null,
    density,
    fittedOn: 'nothing',
  };
  const { features, logits } = training[0] as TrainingPicture;
  const distance = densityScores(features, logits, density).layers;
  const worth = 1 / (1 + Math.exp(2 * distance));

  it('has evidence that is worth less away from the pictures of training', () => {
    const evidence = [4, 1, 0];
    const { uncertainty, ambiguity, density: found } = calibratedAnswer({ logits, evidence, features }, calibration);
    expect(uncertainty).toBeCloseTo(3 / (3 + 5 * worth), 12);
    expect(found?.ignorance).toBe(uncertainty);
    // How much people would disagree doesn't depend on it.
    expect(ambiguity).toBe(calibratedAnswer({ logits, evidence }).ambiguity);
  });

  it('of a softmax is certain of less', () => {
    const own = calibratedAnswer({ logits, evidence: null }).uncertainty;
    const found = calibratedAnswer({ logits, evidence: null, features }, calibration).uncertainty;
    expect(found).toBeCloseTo(1 - (1 - own) * worth, 12);
  });

  it('of a picture that lies away without end is not known at all, and no NaN', () => {
    for (const evidence of [[4, 1, 0], null]) {
      const far = { logits, evidence, features: moved(features, 1e30) };
      expect(calibratedAnswer(far, calibration).uncertainty).toBe(1);
    }
  });

  it('of pictures unlike those of training is rejected where thresholds are fitted with them', () => {
    const answers = validation.map((each) => ({ ...each, evidence: null }));
    const fitted = fitCalibration(answers, {
      scaling: 'temperature',
      rates: { risk: 0.5, rejected: 0.05 },
      conformal: null,
      riskHead: false,
      density: fitDensity(training, asked),
      fittedOn: 'made-up pictures',
    });
    const decisions = (pictures: TrainingPicture[]) =>
      pictures.map((each) => calibratedAnswer({ ...each, evidence: null }, fitted).decision);
    const rejected = (pictures: TrainingPicture[]) => decisions(pictures).filter((decision) => decision === 'reject').length;
    expect(rejected(validation)).toBeLessThanOrEqual(0.05 * validation.length);
    expect(rejected(many(30, { shift: 6 }))).toBe(30);
  });

  it('needs what the network made of the picture', () => {
    expect(() => calibratedAnswer({ logits, evidence: null }, calibration)).toThrow(/needs what the network made/);
  });
});
