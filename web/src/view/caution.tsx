import type { ModelSummary } from '../messages';
import { update } from '../store';
import { inHundred, percent } from '../words';

interface CautionProps {
  model: ModelSummary;
  risk: number | null;
}

const WIDTH = 300;
const HEIGHT = 168;
/** Of the curve within, in points. */
const PLOT = { left: 30, right: 8, top: 26, bottom: 24 };

/** How sure an answer must be, with what that did on pictures that the model had never seen. */
export function Caution({ model: { measured, decision }, risk }: CautionProps) {
  const curve = measured?.byRisk ?? [];
  if (!measured || !decision || curve.length < 2)
    return (
      <section class="caution" aria-labelledby="caution">
        <h2 id="caution">How sure must it be?</h2>
        <p class="note">
          This model holds no measured figures to choose by{decision ? '' : ', and no thresholds: it answers always'}. They come
          with <code>uafer calibrate</code>.
        </p>
      </section>
    );
  const own = curve.findLastIndex(({ threshold }) => threshold <= (decision.report.risk ?? 0));
  const chosen = risk === null ? Math.max(0, own) : curve.findIndex(({ threshold }) => threshold === risk);
  const { coverage, risk: wrong } = curve[chosen] as (typeof curve)[number];
  const declined = 1 - (curve.at(-1) as (typeof curve)[number]).coverage;
  const most = Math.max(...curve.map((point) => point.risk));
  const x = (share: number) => PLOT.left + share * (WIDTH - PLOT.left - PLOT.right);
  const y = (share: number) => HEIGHT - PLOT.bottom - (share / most) * (HEIGHT - PLOT.top - PLOT.bottom);
  const line = curve.map((point) => `${x(point.coverage).toFixed(1)},${y(point.risk).toFixed(1)}`).join(' ');
  return (
    <section class="caution" aria-labelledby="caution">
      <div class="caution-choice">
        <h2 id="caution">How sure must it be?</h2>
        <input
          type="range"
          min={0}
          max={curve.length - 1}
          value={chosen}
          aria-labelledby="caution"
          aria-valuetext={`names one expression for ${inHundred(coverage)}, of which ${inHundred(wrong)} were wrong`}
          onInput={(event) => {
            const place = Number(event.currentTarget.value);
            update({ risk: place === own ? null : (curve[place]?.threshold ?? null) });
          }}
        />
        <div class="ends" aria-hidden="true">
          <span>only the surest</span>
          <span>always an answer</span>
        </div>
        <p class="outcome" data-coverage={coverage} data-risk={wrong}>
          It names one expression for <strong>{inHundred(coverage)}</strong> faces, and <strong>{inHundred(wrong)}</strong> of
          those are wrong.
        </p>
        <div
          class="shares"
          role="img"
          aria-label={`one expression ${inHundred(coverage)}, people would disagree ${inHundred(1 - declined - coverage)}, no answer ${inHundred(declined)}`}
        >
          <span class="share share-report" style={{ flexGrow: coverage }} />
          <span class="share share-ambiguous" style={{ flexGrow: Math.max(0, 1 - declined - coverage) }} />
          <span class="share share-reject" style={{ flexGrow: declined }} />
        </div>
        <p class="note">
          For {inHundred(Math.max(0, 1 - declined - coverage))} it says that people would disagree, for {inHundred(declined)} it
          gives no answer. Measured on {measured.of}, to which nothing was fitted; your pictures may differ.
          {risk !== null && (
            <>
              {' '}
              <button type="button" class="link" onClick={() => update({ risk: null })}>
                Back to the model’s own
              </button>
            </>
          )}
        </p>
      </div>
      <figure class="curve" aria-hidden="true">
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
          <text x="0" y="11">
            Wrong, of what it names
          </text>
          <text x={PLOT.left - 6} y={y(most) + 4} text-anchor="end">
            {percent(most)}
          </text>
          <text x={PLOT.left - 6} y={y(0) + 4} text-anchor="end">
            0
          </text>
          <text x={x(1)} y={HEIGHT - 6} text-anchor="end">
            Faces it names, of all
          </text>
          <line class="axis" x1={x(0)} x2={x(1)} y1={y(0)} y2={y(0)} />
          <polyline class="line" points={line} />
          <line class="drop" x1={x(coverage)} x2={x(coverage)} y1={y(wrong)} y2={y(0)} />
          <circle class="dot" cx={x(coverage)} cy={y(wrong)} r="5" />
        </svg>
      </figure>
    </section>
  );
}
