import type { ModelSummary } from '../messages';

/**
 * What it is, and what it must not be used for.
 *
 * @param own whether the model is a person's own, of which nothing is known but what it holds
 */
export function About({ model, own }: { model: ModelSummary | null; own: boolean }) {
  return (
    <section class="about" aria-labelledby="about">
      <h2 id="about">What this is, and what it is not</h2>
      <div class="about-columns">
        <div>
          <h3>What it does</h3>
          <p>
            It finds the faces in a picture, looks at{' '}
            {model ? `${model.imageSize} × ${model.imageSize} ${model.grey ? 'grey ' : ''}` : ''}pixels of each, and says which
            word people would most likely use for how it looks
            {own ? '.' : ': it learned from thousands of faces that several people had named.'}
          </p>
          <p>
            It says how a face <em>looks</em>. It does not know what anyone <em>feels</em>, thinks, or means.
          </p>
        </div>
        <div>
          <h3>What it says about itself</h3>
          <p>
            <b>Sure enough to say</b>: one expression stands out. <b>People would disagree</b>: two do, and it names both.{' '}
            <b>Not a picture like those it learned from</b>: blurred, dark, covered, drawn, or turned away; then it gives no
            answer, because any would be a guess.
          </p>
          <p>
            {own ? '' : 'Sadness, disgust, fear and contempt are often missed. '}How well it does by age, sex or skin has not
            been measured, and no fairness may be assumed.
          </p>
        </div>
        <div>
          <h3>What it must not be used for</h3>
          <p>
            To decide anything about anyone: not for hiring, teaching, policing, insurance, medicine or advertising, and not to
            watch people who have not agreed to it. In the European Union, inferring emotions at work and in schools is
            forbidden with few exceptions (Regulation 2024/1689, Article 5).
          </p>
          <p>Pictures stay on this device. The page sends nothing, keeps no picture, and counts nobody.</p>
        </div>
      </div>
    </section>
  );
}
