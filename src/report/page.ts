/** The report as one HTML file: it has no script and loads nothing. */
import { comparisonSection } from './comparisonSection.js';
import { anchor, htmlTable, joined, paragraph, type Section, text, withCode } from './html.js';
import { percent } from './metricsText.js';
import { PAGE_STYLE } from './pageStyle.js';
import { pictureSections } from './pictureSections.js';
import { RELEASED_FORM_NOTE } from './releasedForm.js';
import { robustnessSections } from './robustnessSections.js';
import type { Evaluated, RunStory, Subject } from './subject.js';
import { classTable, figuresTable } from './tables.js';
import { trainingSection } from './trainingSection.js';
import { trustSections } from './trustSections.js';
import { verdicts } from './words.js';

/** @param subjects one and more; of several a comparison stands before them */
export async function reportPage(subjects: readonly Subject[]): Promise<string> {
  const [only] = subjects;
  if (only && subjects.length === 1) {
    const sections = await subjectSections(only, '');
    const body = joined([sourceLine(only), navigation(sections, ''), ...sections.map((each) => drawn(each, ''))]);
    return page(only.run ? `Run ${only.name}` : `Evaluation ${only.name}`, body);
  }
  const comparison = await comparisonSection(subjects);
  const parts = await Promise.all(
    subjects.map(async (subject, i) => {
      const prefix = `s${i}-`;
      const sections = await subjectSections(subject, prefix);
      const inner = joined([
        sourceLine(subject),
        navigation(sections, prefix),
        ...sections.map((each) => drawn(each, prefix, 'h3')),
      ]);
      return `<article class="subject" id="s${i}"><h2>${text(subject.name)}</h2>${inner}</article>`;
    }),
  );
  const links = [
    { to: anchor(comparison.heading), name: comparison.heading },
    ...subjects.map(({ name }, i) => ({ to: `s${i}`, name })),
  ];
  return page(`${subjects.length} models side by side`, joined([linkList(links), drawn(comparison, ''), ...parts]));
}

function sourceLine({ source, notes }: Subject): string {
  return joined([`<p class="source">${text(source)}</p>`, ...notes.map((note) => paragraph(note, 'note'))]);
}

async function subjectSections(subject: Subject, prefix: string): Promise<Section[]> {
  const { evaluated, run } = subject;
  return [
    ...(evaluated ? [summarySection(subject)] : []),
    await testSection(evaluated, run),
    ...(evaluated
      ? [...(await trustSections(evaluated)), ...(await robustnessSections(evaluated)), ...pictureSections(evaluated, prefix)]
      : []),
    ...(run ? [await trainingSection(run.log), configurationSection(run)] : []),
  ];
}

function summarySection(subject: Subject): Section {
  const cards = verdicts(subject).map(
    ({ title, value, of, tone, verdict, text: words }) =>
      `<li class="${tone}"><h3>${text(title)}</h3><p class="verdict">${text(verdict)}</p>` +
      `<p class="value"><b>${text(value)}</b> ${text(of)}</p><p>${withCode(words)}</p></li>`,
  );
  const note = subject.releasedForm ? paragraph(RELEASED_FORM_NOTE, 'note') : '';
  return { heading: 'Summary', body: `${note}<ul class="verdicts">${cards.join('')}</ul>` };
}

async function testSection(evaluated: Evaluated | null, run: RunStory | null): Promise<Section> {
  if (!evaluated) return { heading: 'Test set', body: paragraph('The run has not been evaluated yet.') };
  const { metrics, answers } = evaluated;
  const { confusionChart } = await import('./charts.js');
  const names = metrics.perClass.map(({ name }) => name);
  const tables = [htmlTable(figuresTable(metrics, answers?.trust ?? null), 'figures'), htmlTable(classTable(metrics))];
  const body = [
    run?.best ? paragraph(`Best ${run.best.metric}: ${percent(run.best.value)} after epoch ${run.best.epoch + 1}.`) : '',
    `<div class="beside">${tables.join('')}</div>`,
    confusionChart(names, metrics.confusion),
  ];
  return { heading: run?.epoch == null ? 'Test set' : `Test set after epoch ${run.epoch + 1}`, body: body.join('') };
}

function configurationSection({ config }: RunStory): Section {
  return { heading: 'Configuration', body: `<pre tabindex="0">${text(config)}</pre>` };
}

function drawn({ heading, body }: Section, prefix: string, tag = 'h2'): string {
  const inner = tag === 'h2' ? body : body.replaceAll('<h3>', '<h4>').replaceAll('</h3>', '</h4>');
  return `<section id="${anchor(heading, prefix)}"><${tag}>${text(heading)}</${tag}>${inner}</section>`;
}

function navigation(sections: readonly Section[], prefix: string): string {
  return linkList(sections.map(({ heading }) => ({ to: anchor(heading, prefix), name: heading })));
}

function linkList(links: readonly { to: string; name: string }[]): string {
  const items = links.map(({ to, name }) => `<li><a href="#${to}">${text(name)}</a></li>`).join('');
  return `<nav aria-label="sections"><ul>${items}</ul></nav>`;
}

async function page(title: string, body: string): Promise<string> {
  const { CHART_STYLE } = await import('./chart.js');
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${text(title)}</title><style>${PAGE_STYLE}${CHART_STYLE}
</style></head>
<body>
<a class="skip" href="#report">To the report</a>
<h1>${text(title)}</h1>
<main id="report">
${body}
</main>
</body>
</html>
`;
}
