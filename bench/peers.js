/**
 * Accuracy of the default model beside @vladmandic/human, @vladmandic/face-api, and facex and fer of PyPI, on the open faces (a folder with
 * `labels.csv`: image, expression, person, and `images/`) of people kept back from training. All get the same pixels.
 *
 *   PYTHON=python3 node bench/peers.js --faces FOLDER [--detect]
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { accuracy, classScores, confusionMatrix, meanClassAccuracy } from '#uafer/metrics/classification.js';
import { labelledFaces } from '../scripts/persons.js';
import { sayMachine, startContender } from './contenders.js';
import { peersFolder, pythonPeers } from './peersFolder.js';

const { values } = parseArgs({
  options: {
    faces: { type: 'string' },
    // Adds each package's own detector, which has a hard time with pictures that a face fills, and takes some minutes.
    detect: { type: 'boolean', default: false },
  },
});
const source = values.faces ?? '';
if (!existsSync(join(source, 'labels.csv'))) {
  console.error('--faces FOLDER is needed: the open faces, with labels.csv (image, expression, person) and images/');
  process.exit(2);
}

/** What packages call an expression, by the project's name. Contempt is not among them: the peers don't know it. */
const NAMES = {
  neutral: ['neutral'],
  happy: ['happy'],
  surprise: ['surprise', 'surprised'],
  sad: ['sad', 'sadness'],
  anger: ['anger', 'angry'],
  disgusted: ['disgusted', 'disgust'],
  fear: ['fear', 'fearful'],
};
const CLASSES = Object.keys(NAMES);
/** What may be answered but is always wrong: contempt, and no face. */
const NONE = CLASSES.length;
const OURS = 'uafer';
const WAYS = [
  {
    way: 'whole picture',
    found: false,
    what: 'the expression network takes all of it as the face, as its package would cut it out',
  },
  {
    way: 'face found by itself',
    found: true,
    what: "each package's own detector with its default settings, the largest face of several; no face found is wrong",
  },
].filter(({ found }) => values.detect || !found);
/** Points of accuracy. */
const AIM = 10;
/** Standard errors on each side that hold 95% of a normal distribution. */
const NORMAL = 1.96;

const heldOut = labelledFaces(source).filter((face) => face.heldOut);
const faces = heldOut.filter(({ expression }) => CLASSES.includes(expression));

sayMachine(`Node.js ${process.version}`);
sayProtocol();
const results = await everybody();
saySamePixels();
sayFigures();
sayDifferences();

function sayProtocol() {
  const count = (name) => `${name} ${faces.filter(({ expression }) => expression === name).length}`;
  const people = new Set(faces.map(({ person }) => person)).size;
  const map = Object.entries(NAMES).map(([name, names]) => `${name} (${names.join(', ')})`);
  console.log(`
${faces.length} pictures of ${people} people kept back, whatever their shape: ${CLASSES.map(count).join(', ')}
Left out: ${heldOut.length - faces.length} pictures of other expressions; the peers don't know contempt. Who answers contempt is wrong.
Classes, and what packages call them: ${map.join('; ')}
${WAYS.map(({ way, what }) => `"${way}": ${what}`).join('\n')}
Mean class accuracy hangs on the classes with the fewest pictures.
What may favour ${OURS}: it was trained on other people's pictures of the same collection, so that it knows their framing and annotators. What
the peers were trained on is not known here; they may have seen these very pictures.`);
}

/**
 * One after the other, each in a process of its own.
 *
 * @returns {Promise<{ name: string, way: string, answers: (string | null)[], pixels: string }[]>}
 */
async function everybody() {
  const folder = mkdtempSync(join(tmpdir(), 'uafer-bench-'));
  try {
    const list = join(folder, 'pictures.json');
    writeFileSync(list, JSON.stringify(faces.map(({ image }) => join(source, 'images', image))));
    const all = [];
    for (const [name, command, args] of starts(list)) {
      const contender = await startContender(name, command, args);
      for (const { way, found } of WAYS) all.push({ name, way, ...(await contender.pass({ found })) });
      await contender.close();
    }
    return all;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} list
 * @returns {[name: string, command: string, args: string[]][]}
 */
function starts(list) {
  const peers = peersFolder();
  const node = process.execPath;
  const python = process.env.PYTHON ?? 'python3';
  const installed = pythonPeers(python);
  if ('reason' in installed) console.log(`facex and fer are skipped: ${installed.reason}`);
  const ofPython =
    'site' in installed ? ['facex', 'fer'].map((name) => [name, python, ['peers.py', list, installed.site, name]]) : [];
  return [
    [OURS, node, ['peersOurs.js', list]],
    ['human', node, ['peersHuman.js', list, peers]],
    ['face-api', node, ['peersFaceApi.js', list, peers]],
    ...ofPython,
  ];
}

function saySamePixels() {
  const first = results[0]?.pixels;
  const others = results.filter(({ pixels }) => pixels !== first).map(({ name }) => name);
  if (others.length === 0) console.log(`\nAll had the same pixels (SHA-256 of them all ${first?.slice(0, 12)})`);
  else console.log(`\nOther pixels than ${OURS}: ${[...new Set(others)].join(', ')}; their JPEG decoder rounds otherwise`);
}

function sayFigures() {
  const percent = (share) => (share === null ? '-' : (100 * share).toFixed(1));
  console.log('Percent; of each class the share that is recognised');
  console.table(
    results.map(({ name, way, answers }) => {
      const confusion = confusionMatrix(
        faces.map(({ expression }, i) => ({ label: CLASSES.indexOf(expression), predicted: classOf(answers[i] ?? null) })),
        CLASSES.length + 1,
      );
      const recalls = CLASSES.map((each, c) => [each, percent(classScores(confusion, c).recall)]);
      return {
        name,
        way,
        accuracy: percent(accuracy(confusion)),
        'mean class': percent(meanClassAccuracy(confusion)),
        'no face': answers.filter((answer) => answer === null).length,
        ...Object.fromEntries(recalls),
      };
    }),
  );
}

/** @param {string | null} answer */
function classOf(answer) {
  const found = Object.values(NAMES).findIndex((names) => answer !== null && names.includes(answer));
  if (found >= 0) return found;
  if (answer === null || answer === 'contempt') return NONE;
  throw new Error(`"${answer}" is no class that is known: add it to NAMES`);
}

/** Ours on whole pictures with the better way of each peer. */
function sayDifferences() {
  const right = ({ answers }) => faces.map(({ expression }, i) => Number(CLASSES[classOf(answers[i] ?? null)] === expression));
  const all = results.map((result) => ({ ...result, right: right(result) }));
  const [ours] = all;
  for (const name of new Set(all.map((each) => each.name).filter((each) => each !== OURS))) {
    const [better] = all.filter((each) => each.name === name).toSorted((a, b) => sum(b.right) - sum(a.right));
    const { mean, error } = difference(ours.right.map((value, i) => value - better.right[i]));
    console.log(
      `${OURS} (${ours.way}) before ${name} (${better.way}): ${(100 * mean).toFixed(1)} points of accuracy, ` +
        `95% interval +/- ${(100 * NORMAL * error).toFixed(1)}; aim: ${AIM} at least, ${100 * mean >= AIM ? 'reached' : 'missed'}`,
    );
  }
}

/**
 * Mean of the pictures' differences, and its standard error when people, not pictures, are drawn: somebody's pictures are alike.
 *
 * @param {number[]} differences
 */
function difference(differences) {
  const mean = sum(differences) / differences.length;
  const people = new Map();
  for (const [i, { person }] of faces.entries()) people.set(person, (people.get(person) ?? 0) + (differences[i] ?? 0) - mean);
  const variance = sum([...people.values()].map((each) => each * each));
  return { mean, error: Math.sqrt(variance) / differences.length };
}

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0);
}
