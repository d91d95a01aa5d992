/** Results as files: the lines of `uafer predict --json`, its table, the photo with its boxes. */
import type { NamedPrediction } from './messages';
import { ready } from './model';
import { momentsTable } from './moments';
import { current, type PictureEntry, shownPicture } from './store';
import { caption, decided } from './words';

/** Of all pictures of the person's own; without any, of the one that is shown. */
function results(): NamedPrediction[] {
  const own = current().pictures.filter(({ example }) => !example);
  const shown = shownPicture(current());
  const chosen = own.length > 0 ? own : shown ? [shown] : [];
  return chosen.flatMap(named);
}

function named({ name, answer, error }: PictureEntry): NamedPrediction[] {
  if (error !== null) return [{ file: name, error }];
  if (!answer) return [];
  const { prediction } = answer;
  return [{ file: name, prediction: { ...prediction, faces: prediction.faces.map((face) => decided(face, deciding())) } }];
}

function deciding() {
  const { model, risk } = current();
  return { decision: model?.decision ?? null, risk };
}

export async function saveText(form: 'json' | 'csv'): Promise<void> {
  const client = await ready();
  const { text } = await client.ask('text', { form, results: results() });
  download(new Blob([text], { type: form === 'json' ? 'application/json' : 'text/csv' }), `expressions.${form}`);
}

export async function savePicture(): Promise<void> {
  const picture = shownPicture(current());
  if (!picture?.answer) return;
  const client = await ready();
  const faces = picture.answer.prediction.faces.map((face) => decided(face, deciding()));
  const marks = faces.map((face) => ({ box: face.box, caption: caption(face), decision: face.decision }));
  const { picture: made } = await client.ask('draw', { file: picture.file, marks });
  download(made, `${picture.name.replace(/\.\w+$/, '')}-expressions.jpg`);
}

/** What the time line shows, as a table. */
export function saveMoments(): void {
  const { live, model } = current();
  if (live && model)
    download(new Blob([momentsTable(live.moments, model.classes)], { type: 'text/csv' }), 'expressions-over-time.csv');
}

function download(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // The browser has begun by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
