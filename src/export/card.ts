import type { ModelFile } from '../predict/modelFile.js';
import type { Comparison } from './compare.js';

/** The card of an exported model, `README.md`: what it is, how it does, and what it must not be used for. Markdown. */
export function card(model: ModelFile, comparison: Comparison, checkedOn: string): string {
  const { name, classes, network, preprocessing, answer, source, calibration, decision, licence } = model;
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
        ? 'Answers by softmax: the uncertainty is the entropy over log C'
        : `Answers by evidence (${answer.evidence}): a Dirichlet distribution with alpha = evidence + 1, whose vacuity is the uncertainty`,
      ...(calibration
        ? [
            `Calibrated on ${calibration.fittedOn}: scale ${calibration.scale}, offset ${calibration.offset}, temperature ${calibration.temperature}`,
          ]
        : ['Not calibrated: its probabilities and uncertainties were not held against validation pictures']),
      ...(decision
        ? [
            `Decisions: reject above an uncertainty of ${decision.reject.uncertainty}, report from a probability of ${decision.report.probability} on (${decision.rates})`,
          ]
        : []),
    ]),
    '## How it does',
    metricsText(model),
    `Checked against libtorch on ${checkedOn}: logits differ by at most ${comparison.largestDifference.toExponential(1)} (the largest is ` +
      `${comparison.largestLogit.toFixed(2)}), ${comparison.changedAnswers} of ${comparison.pictures} answers change.`,
    '## Use',
    `\`\`\`ts\nimport { createPredictor } from 'uafer';\n\nawait using predictor = await createPredictor({ model: '${name}' });\nconsole.log(await predictor.predict('photo.jpg'));\n\`\`\``,
    '## Licence',
    licence,
  ];
  return `${sections.join('\n\n')}\n`;
}

const list = (items: readonly string[]) => items.map((item) => `- ${item}`).join('\n');

function metricsText({ metrics }: ModelFile): string {
  const { accuracy, meanClassAccuracy } = metrics ?? {};
  if (typeof accuracy !== 'number' || typeof meanClassAccuracy !== 'number') return 'The checkpoint has no figures of its own.';
  const percent = (share: number) => `${(100 * share).toFixed(2)}%`;
  return `On the test pictures of its run: accuracy ${percent(accuracy)}, mean class accuracy ${percent(meanClassAccuracy)}.`;
}
