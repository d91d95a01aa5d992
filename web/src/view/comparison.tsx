import type { FacePrediction } from '#uafer/predict/predictor.js';
import { colourOf } from '../colours';
import { capital, headline, percent } from '../words';
import { Mark } from './mark';

interface ComparisonProps {
  faces: readonly FacePrediction[];
  crops: readonly string[];
  classes: readonly string[];
  chosen: number;
  onChoose(face: number): void;
}

/** The faces of a picture side by side, expression by expression. */
export function Comparison({ faces, crops, classes, chosen, onChoose }: ComparisonProps) {
  if (faces.length < 2) return null;
  return (
    <section class="comparison" aria-labelledby="comparison">
      <h2 id="comparison">Side by side</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reached by the keyboard. */}
      <section class="sideways" tabIndex={0} aria-label="Table of the faces side by side">
        <table>
          <thead>
            <tr>
              <td />
              {faces.map((face, i) => (
                <th scope="col" key={i} class={i === chosen ? 'chosen' : ''}>
                  <button type="button" onClick={() => onChoose(i)} aria-pressed={i === chosen}>
                    <img src={crops[i]} alt="" width="72" height="72" />
                    <span class="column-name">
                      <Mark decision={face.decision} /> Face {i + 1}
                    </span>
                    <span class="column-answer">{headline(face)}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {classes.map((name) => (
              <tr key={name}>
                <th scope="row">{capital(name)}</th>
                {faces.map((face, i) => {
                  const probability = face.probabilities[name] ?? 0;
                  return (
                    <td key={i} class={name === face.expression ? 'first' : ''}>
                      <span class="cell-bar" aria-hidden="true">
                        <span style={{ transform: `scaleX(${probability})`, background: colourOf(name, classes) }} />
                      </span>
                      <span class="cell-value">{percent(probability)}</span>
                    </td>
                  );
                })}
              </tr>
            ))}
            <tr class="extra">
              <th scope="row">Not known</th>
              {faces.map((face, i) => (
                <td key={i}>
                  <span class="cell-bar open" aria-hidden="true">
                    <span style={{ transform: `scaleX(${face.uncertainty})` }} />
                  </span>
                  <span class="cell-value">{percent(face.uncertainty)}</span>
                </td>
              ))}
            </tr>
          </tbody>
        </table>
      </section>
    </section>
  );
}
