import type { FacePrediction } from '#uafer/predict/predictor.js';
import { colourOf } from '../colours';
import { capital, headline, percent } from '../words';
import { Mark } from './mark';

/** A face of any picture. */
export interface Compared {
  face: FacePrediction;
  crop: string;
  /** What it is called. */
  name: string;
  chosen: boolean;
  choose(): void;
}

/** Faces that a table has room for. */
const MOST = 24;

/** Faces side by side, expression by expression. */
export function Comparison({ all, classes }: { all: readonly Compared[]; classes: readonly string[] }) {
  if (all.length < 2) return null;
  const compared = all.slice(0, MOST);
  return (
    <section class="comparison" aria-labelledby="comparison">
      <h2 id="comparison">Side by side</h2>
      {all.length > MOST && (
        <p class="note">
          The first {MOST} of {all.length} faces.
        </p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reached by the keyboard. */}
      <section class="sideways" tabIndex={0} aria-label="Table of the faces side by side">
        <table>
          <thead>
            <tr>
              <td />
              {compared.map(({ face, crop, name, chosen, choose }) => (
                <th scope="col" key={crop} class={chosen ? 'chosen' : ''}>
                  <button type="button" onClick={choose} aria-pressed={chosen}>
                    <img src={crop} alt="" width="72" height="72" />
                    <span class="column-name">
                      <Mark decision={face.decision} /> <span class="column-words">{name}</span>
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
                {compared.map(({ face, crop }) => {
                  const probability = face.probabilities[name] ?? 0;
                  return (
                    <td key={crop} class={name === face.expression ? 'first' : ''}>
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
              {compared.map(({ face, crop }) => (
                <td key={crop}>
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
