/** What must be known of the uncertainty that the released code of UA-FER gives. */

/** The settings that make that form, where a configuration says them. */
interface FormSettings {
  task?: string;
  loss?: { lossFunction?: string };
  model?: { normalizeScores?: boolean };
}

/** Evidence from scores that were normalised over the classes: logits in [-1, 1], whatever the picture. */
export function isReleasedForm(config: FormSettings | null): boolean {
  const { task, loss, model } = config ?? {};
  return task === 'uafer' && loss?.lossFunction === 'edl' && model?.normalizeScores === true;
}

/** The figures: `uafer eval` of `models/uafer-clip-small.safetensors` on FER+'s validation pictures, zero-shot (README, "What it does"). */
export const RELEASED_FORM_NOTE =
  "Do not act on this uncertainty. In the released form a picture's scores are normalised over the classes and lie in [-1, 1], so that the " +
  'vacuity made of them does not say how sure an answer is: it finds errors worse than chance (AUROC 0.36 on FER+, where 0.5 is chance), ' +
  'and the probabilities are far too low. That is a known property of the form: take the largest probability, or `uafer calibrate`.';
