/** A camera or a video file: one frame under way at a time, those that come meanwhile are dropped. */
import { ready } from './model';
import { isKnown, recalled, withFrame } from './moments';
import { current, type Live, update } from './store';

/** Longest side of a frame as it is looked at: the detector makes it smaller still. */
const LONGEST = 960;

let video: HTMLVideoElement | null = null;
let stream: MediaStream | null = null;
let address: string | null = null;
/** A number for each start, so that what is left of an earlier one is dropped. */
let run = 0;

/** The element that frames are taken from; the page shows it. */
export const videoElement = () => video;

export async function startCamera(): Promise<void> {
  if (!navigator.mediaDevices?.getUserMedia) {
    update({ problem: 'This browser gives no camera to a page that is not served by https or from this machine.' });
    return;
  }
  try {
    const wanted = { facingMode: 'user', width: { ideal: 1280 }, height: { ideal: 720 } };
    const given = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    stop();
    stream = given;
    const element = createVideo();
    element.srcObject = given;
    begin(element, 'camera', 'Camera');
  } catch (error) {
    const { name, message } = error as Error;
    const why: Record<string, string> = {
      NotAllowedError: 'The camera was not allowed. The browser asks again after a click on the sign beside its address.',
      NotFoundError: 'There is no camera on this device.',
      NotReadableError: 'The camera is in use by another program.',
    };
    update({ problem: why[name] ?? `The camera could not be opened: ${message}` });
  }
}

export function startVideo(file: File): void {
  stop();
  address = URL.createObjectURL(file);
  const element = createVideo();
  element.controls = true;
  element.src = address;
  element.onerror = () => {
    stop();
    update({ problem: `${file.name}: this browser cannot play it. MP4 with H.264 and WebM work nearly everywhere.` });
  };
  begin(element, 'video', file.name);
}

export function stop(): void {
  run++;
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  if (video) {
    video.onerror = null;
    video.pause();
    video.srcObject = null;
    video.removeAttribute('src');
    video.load();
  }
  video = null;
  if (address) URL.revokeObjectURL(address);
  address = null;
  release(current().live?.crops);
  update({ live: null, expression: null, pointed: null });
}

export function showTrack(track: number): void {
  change({ track });
}

/** Goes to a moment of a video. */
export function seek(time: number): void {
  if (video && current().live?.kind === 'video') video.currentTime = time;
}

function createVideo(): HTMLVideoElement {
  const element = document.createElement('video');
  element.muted = true;
  element.playsInline = true;
  return element;
}

function begin(element: HTMLVideoElement, kind: Live['kind'], name: string): void {
  const mine = ++run;
  video = element;
  const live: Live = {
    kind,
    name,
    width: 16,
    height: 9,
    faces: [],
    track: null,
    crops: [],
    moments: [],
    time: 0,
    seen: 0,
    dropped: 0,
    rate: 0,
    ended: false,
  };
  update({
    live,
    problem: null,
    expression: null,
    pointed: null,
    said: kind === 'camera' ? 'The camera runs.' : 'The video plays.',
  });
  element.onloadedmetadata = () => mine === run && change({ width: element.videoWidth, height: element.videoHeight });
  element.onended = () => mine === run && change({ ended: true });
  element.onplay = () => mine === run && change({ ended: false });
  void element.play().catch(() => {});
  void watch(element, mine);
}

function change(changed: Partial<Live>): void {
  const { live } = current();
  if (live) update({ live: { ...live, ...changed } });
}

function release(crops: readonly ImageBitmap[] = []): void {
  for (const crop of crops) crop.close();
}

/** Frames as they are shown, with their time in the clip. */
function eachFrame(element: HTMLVideoElement, take: (time: number) => void): void {
  if ('requestVideoFrameCallback' in element)
    element.requestVideoFrameCallback((_, { mediaTime }) => {
      take(mediaTime);
    });
  else requestAnimationFrame(() => take((element as HTMLVideoElement).currentTime));
}

async function watch(element: HTMLVideoElement, mine: number): Promise<void> {
  const client = await ready().catch(() => null);
  if (!client || mine !== run) return;
  let busy = false;
  let latest = Number.NEGATIVE_INFINITY;
  let dropped = 0;
  const times: number[] = [];
  const look = async (time: number) => {
    busy = true;
    try {
      const { live } = current();
      if (!live || time === latest) return;
      const restart = time < latest || latest === Number.NEGATIVE_INFINITY;
      latest = time;
      const scale = Math.min(1, LONGEST / Math.max(element.videoWidth, element.videoHeight));
      const resizeWidth = Math.max(1, Math.round(element.videoWidth * scale));
      const bitmap = await createImageBitmap(element, { resizeWidth, resizeQuality: 'medium' });
      const { faces, crops, ...size } = await client.ask('frame', { bitmap, time, restart }, [bitmap]);
      const now = performance.now();
      times.push(now);
      while ((times[0] as number) < now - 1000) times.shift();
      const after = current().live;
      if (mine !== run || !after) return release(crops);
      release(after.crops);
      const known = isKnown(after.moments, time);
      const seen = known ? recalled(after.moments, faces, time) : faces;
      change({
        ...size,
        faces: seen,
        crops,
        time,
        moments: known ? after.moments : withFrame(after.moments, faces, time),
        track: seen.some(({ track }) => track === after.track) ? after.track : (seen[0]?.track ?? after.track),
        seen: after.seen + 1,
        dropped,
        rate: times.length,
      });
    } catch (error) {
      if (mine !== run) return;
      stop();
      update({ problem: (error as Error).message });
    } finally {
      busy = false;
    }
  };
  const next = (time: number) => {
    if (mine !== run) return;
    eachFrame(element, next);
    if (!busy) void look(time);
    else dropped++;
  };
  eachFrame(element, next);
}
