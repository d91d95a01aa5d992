/** What a person hands to the page, however they do: pictures, a video, or a model of their own. */
import { startVideo, stop } from './live';
import { openModel, reopenModel } from './model';
import { addPictures, answerAgain } from './pictures';
import { type State, update } from './store';

/** Takes files in by what they are. */
async function takeFiles(files: File[]): Promise<void> {
  if (files.length === 0) return;
  if (files.some(({ name }) => /\.zip$/i.test(name) || name === 'model.json')) return openOwnModel(files);
  const videos = files.filter(({ type }) => type.startsWith('video/'));
  const pictures = files.filter(({ type }) => type.startsWith('image/'));
  const others = files.length - videos.length - pictures.length;
  if (pictures.length > 0) {
    stop();
    addPictures(pictures.map((file) => ({ name: file.name, file })));
  } else if (videos[0]) startVideo(videos[0]);
  if (others > 0)
    update({
      problem: `${others === 1 ? 'One file is' : `${others} files are`} neither a picture nor a video, and ${others === 1 ? 'was' : 'were'} left out.`,
    });
}

/** Of a file input, which may be used again for the same files. */
export function openFiles(input: HTMLInputElement): void {
  const files = [...(input.files ?? [])];
  input.value = '';
  void takeFiles(files);
}

/** @param files of an exported model, or one zip of it; null goes back to the built-in one */
export async function openOwnModel(files: File[] | null): Promise<void> {
  stop();
  const [first] = files ?? [];
  const name = first && (first.webkitRelativePath.split('/')[0] || first.name);
  await openModel(files, name ?? null);
  answerAgain();
}

export async function chooseDetector(detector: State['detector']): Promise<void> {
  stop();
  update({ detector });
  await reopenModel();
  answerAgain();
}

/** Drag and drop, and paste, anywhere on the page. */
export function listen(): void {
  let depth = 0;
  const carries = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  addEventListener('dragenter', (event) => {
    if (carries(event) && ++depth === 1) update({ dragging: true });
  });
  addEventListener('dragleave', (event) => {
    if (carries(event) && --depth === 0) update({ dragging: false });
  });
  addEventListener('dragover', (event) => event.preventDefault());
  addEventListener('drop', (event) => {
    event.preventDefault();
    depth = 0;
    update({ dragging: false });
    void filesOf(event.dataTransfer).then(takeFiles);
  });
  addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) event.preventDefault();
    void takeFiles(files);
  });
}

/** The files that are dropped, of a folder those in it. */
async function filesOf(data: DataTransfer | null): Promise<File[]> {
  const entries = [...(data?.items ?? [])].map((item) => item.webkitGetAsEntry());
  const plain = [...(data?.files ?? [])];
  const folders = entries.filter((entry): entry is FileSystemDirectoryEntry => entry?.isDirectory ?? false);
  const inside = await Promise.all(folders.map(filesIn));
  const names = new Set(folders.map(({ name }) => name));
  return [...plain.filter(({ name }) => !names.has(name)), ...inside.flat()];
}

async function filesIn(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const files: File[] = [];
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files;
    for (const entry of entries) {
      if (entry.isFile)
        files.push(await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)));
    }
  }
}
