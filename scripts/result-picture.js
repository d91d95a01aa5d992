/**
 * Draws the README's picture: eight test faces of a run on `examples/faces` with the probabilities and the uncertainty that the
 * model gave them, one or two of each expression.
 *
 *   node scripts/result-picture.js PREDICTIONS.json OUT.png
 */
import { readFileSync } from 'node:fs';
import sharp from 'sharp';

const [predictions, out] = process.argv.slice(2);
if (!predictions || !out) {
  console.error('usage: node scripts/result-picture.js PREDICTIONS.json OUT.png');
  process.exit(2);
}

const COLUMNS = 4;
const COUNT = 8;
const FACE = 160;
const CARD = { width: 350, height: 200, margin: 10 };
const BAR = { left: FACE + 90, width: 70, height: 12, step: 20, top: 14 };

const { classes, rows } = JSON.parse(readFileSync(predictions, 'utf8'));
const chosen = oneOfEach(rows).slice(0, COUNT);
const cards = await Promise.all(chosen.map(card));
await sharp({
  create: {
    width: COLUMNS * CARD.width,
    height: Math.ceil(cards.length / COLUMNS) * CARD.height,
    channels: 3,
    background: '#ffffff',
  },
})
  .composite(cards.map((input, i) => ({ input, left: (i % COLUMNS) * CARD.width, top: Math.floor(i / COLUMNS) * CARD.height })))
  .png({ palette: true })
  .toFile(out);
console.log(`${out}: ${chosen.map(({ file }) => file).join(', ')}`);

/** The first picture of each class, then the second of each. */
function oneOfEach(all) {
  const nth = (n) => classes.flatMap((_, label) => all.filter((row) => row.label === label).slice(n, n + 1));
  return [...nth(0), ...nth(1)];
}

async function card(row) {
  const face = await sharp(`examples/faces/basic/Image/aligned_224/${row.file}`).resize(FACE, FACE).png().toBuffer();
  const text = Buffer.from(labels(row));
  return sharp({ create: { width: CARD.width, height: CARD.height, channels: 3, background: '#ffffff' } })
    .composite([
      { input: face, left: CARD.margin, top: CARD.margin },
      { input: text, left: 0, top: 0 },
    ])
    .png()
    .toBuffer();
}

function labels({ label, predicted, probabilities, uncertainty }) {
  const right = label === predicted;
  const most = Math.max(...probabilities);
  const lines = classes.map((name, i) => {
    const y = BAR.top + i * BAR.step;
    const fill = i === predicted ? (right ? '#2a7f62' : '#b5483a') : '#b9c2c8';
    const weight = i === predicted ? 'bold' : 'normal';
    return `<text x="${FACE + 20}" y="${y + 11}" font-weight="${weight}">${name}</text>
      <rect x="${BAR.left}" y="${y}" width="${((probabilities[i] / most) * BAR.width).toFixed(1)}" height="${BAR.height}" fill="${fill}"/>
      <text x="${BAR.left + BAR.width + 4}" y="${y + 11}" font-size="10" fill="#667">${(100 * probabilities[i]).toFixed(0)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${CARD.width}" height="${CARD.height}" font-family="sans-serif" font-size="12" fill="#223">
    ${lines.join('')}
    <text x="${FACE + 20}" y="170" font-size="12">uncertainty ${uncertainty.toFixed(2)}</text>
    <text x="${CARD.margin}" y="187" font-size="12" fill="#667">labelled ${classes[label]}</text>
  </svg>`;
}
