import type { Answer } from '#uafer/predict/answer.js';
import { percent, wordsOfAmbiguity, wordsOfIgnorance } from '../words';

interface GaugeProps {
  title: string;
  term: string;
  value: number;
  limit: number | null;
  words: string;
  ends: readonly [string, string];
}

/** Two ways not to know, which are not the same: people themselves would disagree, or the model has seen too little like it. */
export function Gauges({ answer, limit }: { answer: Answer; limit: number | null }) {
  return (
    <div class="gauges">
      <Gauge
        title="Would people disagree?"
        term="ambiguity"
        value={answer.ambiguity}
        limit={null}
        words={wordsOfAmbiguity(answer.ambiguity)}
        ends={['agree', 'split']}
      />
      <Gauge
        title="Does it know such faces?"
        term="uncertainty"
        value={answer.uncertainty}
        limit={limit}
        words={wordsOfIgnorance(answer.uncertainty, limit)}
        ends={['well', 'not at all']}
      />
    </div>
  );
}

function Gauge({ title, term, value, limit, words, ends }: GaugeProps) {
  return (
    <div class="gauge">
      <h3 class="title">{title}</h3>
      <div
        class="scale"
        role="img"
        aria-label={`${term} ${percent(value)}${limit === null ? '' : `; it declines above ${percent(limit)}`}`}
      >
        {limit !== null && <span class="limit" style={{ left: `${100 * limit}%` }} />}
        <span class="needle" style={{ left: `clamp(0.44rem, ${100 * value}%, calc(100% - 0.44rem))` }} />
      </div>
      <div class="ends" aria-hidden="true">
        <span>{ends[0]}</span>
        <span>{ends[1]}</span>
      </div>
      <p class="note">
        {words}{' '}
        <span class="term">
          ({term} {value.toFixed(2)})
        </span>
      </p>
    </div>
  );
}
