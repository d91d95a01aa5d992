import type { Calibration } from '../calibration/calibration.js';
import type { ModelFile } from '../predict/modelFile.js';
import type { Comparison } from './compare.js';

interface CardOptions {
  comparison: Comparison;
  /** What it was compared on, in words. */
  checkedOn: string;
  /** Markdown of whoever exports it. */
  remarks?: string | undefined;
}

/** The card of an exported model, `README.md`: what it is, how it does, and what it must not be used for. Markdown. */
export function card(model: ModelFile, { comparison, checkedOn, remarks }: CardOptions): string {
  const { name, classes, network, preprocessing, answer, source, calibration, licence } = model;
  const sections = [
    `# ${name}`,
    'A model for facial expressions, exported by `uafer export`. **It says how a face looks to annotators, not what a person feels, and must not ' +
      'decide anything about anyone.**',
    '## What it is',
    list([
      `Classes: ${classes.join(', ')}`,
      `Exported from \`${source.checkpoint}\` (recipe ${source.recipe}, data set ${source.dataset})`,
      `Network: \`${network.file}\`, ${(network.bytes / 1e6).toFixed(1)} MB, ${network.precision}, ONNX opset ${network.opset}, SHA-256 \`${network.sha256}\``,
      `Input: \`pixels\` (N, ${preprocessing.imageSize}, ${preprocessing.imageSize}, 3), bytes, red, green, blue; resized by the rule ${preprocessing.resize}`,
      answer.kind === 'softmax'
        ? calibration?.evidence
          ? 'Answers by softmax, and by evidence that was fitted to its logits'
          : 'Answers by softmax: the uncertainty is the entropy over log C'
        : `Answers by evidence (${answer.evidence}): a Dirichlet distribution with alpha = evidence + 1, whose vacuity is the uncertainty`,
      ...(calibration
        ? calibrationLines(calibration)
        : ['Not calibrated: its probabilities and uncertainties were not held against validation pictures']),
    ]),
    '## How it does',
    metricsText(model),
    `Checked against libtorch on ${checkedOn}: logits differ by at most ${comparison.largestDifference.toExponential(1)} (the largest is ` +
      `${comparison.largestLogit.toFixed(2)}), ${comparison.changedAnswers} of ${comparison.pictures} answers change.`,
    ...(remarks ? [remarks.trim()] : []),
    '## Use',
    `\`\`\`js\nimport { createPredictor } from 'uafer';\n\nconst predictor = await createPredictor({ model: '${name}' });\nconsole.log(await predictor.predict('photo.jpg'));\nawait predictor.close();\n\`\`\``,
    '## Licence',
    licence,
  ];
  return `${sections.join('\n\n')}\n`;
}

/** What was fitted, in words. */
function calibrationLines({ scaling, evidence, conformal, decision, density, fittedOn }: Calibration): string[] {
  const number = (value: number) => String(Number(value.toPrecision(4)));
  const how =
    scaling.kind === 'temperature' ? `p^(1 / ${number(scaling.temperature)}), brought to the sum 1` : 'scaled class by class';
  const lines = [`Calibrated on ${fittedOn}: probabilities are ${how}`];
  if (evidence?.kind === 'scaled') lines.push(`Evidence is the network's times ${number(evidence.scale)}`);
  if (evidence?.kind === 'logits')
    lines.push(
      `Evidence is exp(${number(evidence.slope)} logit + ${number(evidence.offset)}): the uncertainty is 2 / (2 + total evidence)`,
    );
  if (density)
    lines.push(
      `It knows ${density.fittedOn}, by ${density.layers.map(({ name }) => name).join(' and ')}: at a distance d from them evidence is divided by ` +
        '1 + e^(2 d), so that the uncertainty grows with it',
    );
  if (conformal)
    lines.push(`Its sets hold the right class in ${number(100 * conformal.coverage)}% of such pictures (${conformal.method})`);
  if (!decision) return lines;
  const { reject, report, rates } = decision;
  const threshold = (value: number | null) => (value === null ? 'none' : number(value));
  const percent = (share: number) => `${number(100 * share)}%`;
  return [
    ...lines,
    `Decisions: an uncertainty above ${threshold(reject.uncertainty)} is rejected (at most ${percent(rates.rejected)} of good pictures); of the ` +
      `others a risk of at most ${threshold(report.risk)} is reported (at most ${percent(rates.risk)} errors among them)`,
  ];
}

const list = (items: readonly string[]) => items.map((item) => `- ${item}`).join('\n');

function metricsText({ metrics }: ModelFile): string {
  const { accuracy, meanClassAccuracy } = metrics ?? {};
  if (typeof accuracy !== 'number' || typeof meanClassAccuracy !== 'number') return 'The checkpoint has no figures of its own.';
  const percent = (share: number) => `${(100 * share).toFixed(2)}%`;
  return `On the test pictures of its run: accuracy ${percent(accuracy)}, mean class accuracy ${percent(meanClassAccuracy)}.`;
}
