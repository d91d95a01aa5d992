import type { Answer } from '#uafer/predict/answer.js';
import { colourOf } from '../colours';
import { byProbability, capital, percent } from '../words';

/** Share from which on a part has room for its name. */
const ROOM = 0.16;

/** Belief in each expression and the mass of uncertainty, which make up one whole: what the model's evidence covers, and what it leaves open. */
export function Belief({ answer, classes }: { answer: Answer; classes: readonly string[] }) {
  const { uncertainty, probabilities } = answer;
  const parts = byProbability(answer).map((name) => ({ name, mass: (1 - uncertainty) * (probabilities[name] as number) }));
  const named = parts.filter(({ mass }) => mass >= 0.005);
  const words = [...named.map(({ name, mass }) => `${name} ${percent(mass)}`), `not known ${percent(uncertainty)}`].join(', ');
  return (
    <div class="belief">
      <h3 class="title">Belief, and what is left open</h3>
      <div class="whole" role="img" aria-label={`Belief: ${words}`}>
        {parts.map(({ name, mass }) => (
          <span key={name} class="part" style={{ flexGrow: mass, background: colourOf(name, classes) }}>
            {mass >= ROOM && <span class="part-name">{capital(name)}</span>}
          </span>
        ))}
        <span class="part open" style={{ flexGrow: uncertainty }}>
          {uncertainty >= ROOM && <span class="part-name">not known</span>}
        </span>
      </div>
      <p class="note">
        Its evidence covers {percent(1 - uncertainty)} of the matter. The hatched {percent(uncertainty)} is what it does not
        know.
      </p>
    </div>
  );
}
