/** Which model answers. There is one worker a model: it ends with it, and all memory of it. */
import { type Client, startWorker } from './client';
import { current, update } from './store';

let client: Client | null = null;
/** Of the person's own model. */
let model: File[] | null = null;
let whenOpen: Promise<void> = Promise.resolve();

/** The worker, once its model is loaded. */
export async function ready(): Promise<Client> {
  await whenOpen;
  if (!client) throw new Error('No model is open.');
  return client;
}

/** @param name what the person's own model is called; null for the built-in one */
export function openModel(files: File[] | null, name: string | null): Promise<void> {
  const [previous, previousName] = [model, current().ownModel];
  model = files;
  whenOpen = open(files, name);
  return whenOpen.catch(async (error: Error) => {
    update({ problem: error.message });
    // A model that cannot be opened takes nothing away.
    if (files) await openModel(previous, previousName);
    update({ problem: error.message });
  });
}

/** Loads the same model again, as after the choice of another detector. */
export function reopenModel(): Promise<void> {
  return openModel(model, current().ownModel);
}

async function open(files: File[] | null, name: string | null): Promise<void> {
  client?.end();
  update({ loading: { done: 0, total: 0 }, model: null, ownModel: name, risk: null, expression: null, problem: null });
  const started = startWorker((done, total) => update({ loading: { done, total } }));
  client = started;
  try {
    const opened = await started.ask('open', { files, detector: current().detector });
    update({ ...opened, loading: null });
  } catch (error) {
    started.end();
    if (client === started) client = null;
    update({ loading: null });
    throw error;
  }
}
