import type { Answer } from '#uafer/predict/answer.js';
import { colourOf } from '../colours';
import { update } from '../store';
import { capital, percent } from '../words';

interface ProbabilitiesProps {
  answer: Answer;
  classes: readonly string[];
  /** Whose patches are shown. */
  expression: string | null;
}

/** A bar an expression, in the model's order, so that a face can be compared with the next; pointing at one shows what spoke for it. */
export function Probabilities({ answer, classes, expression }: ProbabilitiesProps) {
  const choose = (name: string | null) => update({ expression: name });
  return (
    <fieldset
      class="probabilities"
      onPointerLeave={() => update({ pointed: null })}
      onKeyDown={(event) => event.key === 'Escape' && choose(null)}
    >
      <legend>
        <span class="title">What people would most likely call it</span>
        <span class="note">Point at one, or choose it, to see which parts of the face spoke for it.</span>
      </legend>
      {classes.map((name) => {
        const probability = answer.probabilities[name] ?? 0;
        return (
          <label
            key={name}
            class={name === answer.expression ? 'row first' : 'row'}
            onPointerEnter={(event) => event.pointerType === 'mouse' && update({ pointed: name })}
          >
            <input
              type="radio"
              name="expression"
              checked={expression === name}
              onChange={() => choose(name)}
              onClick={() => expression === name && choose(null)}
            />
            <span class="name">{capital(name)}</span>
            <span class="bar" aria-hidden="true">
              <span style={{ transform: `scaleX(${probability})`, background: colourOf(name, classes) }} />
            </span>
            <span class="value">{percent(probability)}</span>
          </label>
        );
      })}
    </fieldset>
  );
}
