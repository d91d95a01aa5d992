/** Where a step's time goes: operators gathered by kind, in a table and a picture. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KINDS = [
  [
    'products with weights',
    /^aten::(addmm|mm|linear|_addmm_activation|mkldnn_|_?convolution|conv2d|convolution_backward|bmm|matmul)/,
  ],
  ['attention', /scaled_dot_product|softmax/],
  ['element by element (QuickGELU)', /^aten::(sigmoid|sigmoid_|sigmoid_backward|mul|mul_|add_|empty_like|silu)|QuickGelu/],
  ['layer normalisation', /layer_norm|LayerNorm/],
  ['AdamW', /adam/],
];

/** Kinds of operators, then what no operator took: waiting for pictures, and the rest (the binding, JavaScript). */
export function sharesOf({ seconds, waiting, operators }) {
  const kinds = new Map(KINDS.map(([name]) => [name, 0]));
  kinds.set('other operators', 0);
  for (const { name, seconds: own } of operators) {
    const kind = KINDS.find(([, names]) => names.test(name))?.[0] ?? 'other operators';
    kinds.set(kind, kinds.get(kind) + own);
  }
  const called = operators.reduce((sum, { seconds: own }) => sum + own, 0);
  kinds.set('waiting for pictures', waiting);
  kinds.set('binding and the rest', Math.max(0, seconds - called - waiting));
  return [...kinds].map(([name, own]) => ({ name, seconds: own, share: own / seconds }));
}

const COLOURS = ['#2f6f8f', '#5b9fb8', '#e0a458', '#c96f4a', '#8c6bb1', '#999999', '#cccccc', '#555555'];

/** `profile.json` and `profile.svg`. */
export function writeProfile(folder, shares, operators) {
  const long = operators.filter(({ seconds }) => seconds >= 0.001);
  writeFileSync(join(folder, 'profile.json'), `${JSON.stringify({ shares, operators: long }, null, 1)}\n`);
  writeFileSync(join(folder, 'profile.svg'), picture(shares));
}

function picture(shares) {
  const [width, row, left] = [720, 28, 200];
  const widest = Math.max(...shares.map(({ share }) => share));
  const bars = shares.map(({ name, share, seconds }, i) => {
    const length = ((width - left - 130) * share) / widest;
    const y = 40 + i * row;
    return (
      `<text x="${left - 10}" y="${y + 15}" text-anchor="end">${name}</text>` +
      `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="20" fill="${COLOURS[i % COLOURS.length]}"/>` +
      `<text x="${left + length + 8}" y="${y + 15}">${(share * 100).toFixed(1)}%  ${seconds.toFixed(2)} s</text>`
    );
  });
  const height = 50 + shares.length * row;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13">` +
    `<rect width="${width}" height="${height}" fill="#fff"/><text x="12" y="22" font-weight="600">A training step's time</text>${bars.join('')}</svg>\n`
  );
}
