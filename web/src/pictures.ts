/** Photos: taken in, answered one after the other, shown, and forgotten. */
import type { FacePrediction } from '#uafer/predict/predictor.js';
import { ready } from './model';
import { current, type PictureEntry, update } from './store';
import { decided, headline } from './words';

let last = 0;

export interface NewPicture {
  name: string;
  file: Blob;
  example?: boolean;
}

/** Takes pictures in, shows the first of them and answers all. */
export function addPictures(added: readonly NewPicture[]): void {
  const entries = added.map(
    ({ name, file, example = false }): PictureEntry => ({
      id: ++last,
      name,
      file,
      url: URL.createObjectURL(file),
      example,
      answer: null,
      error: null,
    }),
  );
  const [first] = entries;
  if (!first) return;
  const { pictures, shown } = current();
  const own = entries.some(({ example }) => !example);
  update({ pictures: own ? [...entries, ...pictures] : [...pictures, ...entries], problem: null });
  if (own || shown === null) showPicture(first.id);
  for (const entry of entries) void answer(entry);
}

/** Answers every picture again, as after a change of the model. */
export function answerAgain(): void {
  const { pictures } = current();
  for (const { answer: made } of pictures) release(made);
  const entries = pictures.map((picture) => ({ ...picture, answer: null, error: null }));
  update({ pictures: entries });
  for (const entry of entries) void answer(entry);
}

export function showPicture(id: number): void {
  update({ shown: id, face: 0, expression: null, pointed: null });
}

export function removePicture(id: number): void {
  const { pictures, shown } = current();
  const place = pictures.findIndex((picture) => picture.id === id);
  const picture = pictures[place];
  if (!picture) return;
  const left = pictures.filter((each) => each !== picture);
  update({ pictures: left });
  if (shown === id) {
    const next = left[Math.min(place, left.length - 1)];
    update({ shown: next?.id ?? null, face: 0, expression: null });
  }
  URL.revokeObjectURL(picture.url);
  release(picture.answer);
}

async function answer({ id, file, name }: PictureEntry): Promise<void> {
  const change = (changed: Partial<PictureEntry>) =>
    update({ pictures: current().pictures.map((picture) => (picture.id === id ? { ...picture, ...changed } : picture)) });
  try {
    const client = await ready();
    const { prediction, crops, thumbnail } = await client.ask('photo', { file });
    const urls = { crops: crops.map((crop) => URL.createObjectURL(crop)), thumbnail: URL.createObjectURL(thumbnail) };
    if (current().pictures.some((picture) => picture.id === id)) change({ answer: { prediction, ...urls } });
    else release({ prediction, ...urls });
    if (current().shown === id) update({ said: summary(prediction.faces) });
  } catch (error) {
    change({ error: `${name}: ${(error as Error).message}` });
    if (current().shown === id) update({ said: `${name}: ${(error as Error).message}` });
  }
}

function summary(faces: readonly FacePrediction[]): string {
  if (faces.length === 0) return 'No face was found.';
  const { model, risk } = current();
  const said = faces.map((face) => headline(decided(face, { decision: model?.decision ?? null, risk })));
  return `${faces.length === 1 ? 'One face was' : `${faces.length} faces were`} found: ${said.join(', ')}.`;
}

function release(made: PictureEntry['answer']): void {
  if (!made) return;
  for (const url of [...made.crops, made.thumbnail]) URL.revokeObjectURL(url);
}
