import type { Heatmap } from '#uafer/image/heatmap.js';
import type { Answer } from '#uafer/predict/answer.js';
import type { ModelSummary } from '../messages';
import { update } from '../store';
import { capital, DECISIONS, headline, percent } from '../words';
import { Belief } from './belief';
import { Face } from './face';
import { Gauges } from './gauges';
import { Mark } from './mark';
import { Probabilities } from './probabilities';

interface ReadingProps {
  answer: Answer;
  model: ModelSummary;
  crop: string | ImageBitmap | null;
  heatmap: Heatmap | undefined;
  expression: string | null;
  pointed: string | null;
  asSeen: boolean;
}

/** All that is said of one face. */
export function Reading({ answer, model, crop, heatmap, expression, pointed, asSeen }: ReadingProps) {
  const spoken = pointed ?? expression;
  const { decision } = answer;
  const label = spoken ? `The face, with the parts that spoke for ${spoken}` : 'The face, upright as the model sees it';
  return (
    <div class={decision === 'reject' ? 'reading rejected' : 'reading'}>
      <div class="verdict">
        <div class="portrait">
          <Face
            source={crop}
            heatmap={heatmap}
            expression={spoken}
            asSeen={asSeen ? { side: model.imageSize, grey: model.grey } : null}
            label={label}
          />
          <label class="switch">
            <input type="checkbox" checked={asSeen} onChange={(event) => update({ asSeen: event.currentTarget.checked })} />
            <span>As it sees it</span>
          </label>
        </div>
        <div class="verdict-words">
          {decision && (
            <p class={`decision decision-${decision}`}>
              <Mark decision={decision} /> {DECISIONS[decision]}
            </p>
          )}
          <p class="headline">{headline(answer)}</p>
          <p class="because">{because(answer)}</p>
        </div>
      </div>
      <Probabilities answer={answer} classes={model.classes} expression={expression} />
      <Belief answer={answer} classes={model.classes} />
      <Gauges answer={answer} limit={model.decision?.reject.uncertainty ?? null} />
    </div>
  );
}

function because({ decision, expression, probabilities, candidates, risk }: Answer): string {
  const share = percent(probabilities[expression] as number);
  if (decision === 'reject')
    return `Too little about this picture is like what it learned from. Its guess would be ${expression}, and it should not be relied on.`;
  if (candidates) {
    const [first, second] = candidates;
    return `Asked about this face, people would name different expressions: ${first} (${share}) or ${second} (${percent(probabilities[second] as number)}).`;
  }
  if (decision === null)
    return `${capital(expression)} is the most probable, ${share}. This model has no thresholds to say how far that goes.`;
  return `Most people would call this ${expression}. The chance that this is wrong: ${percent(risk)}.`;
}
