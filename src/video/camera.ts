/** How ffmpeg opens a camera. */
import { UaferError } from '../errors.js';

interface CameraKind {
  format: string;
  /** The one that is taken where none is named. */
  first: string | null;
  input(device: string): string;
}

const KINDS: Readonly<Partial<Record<NodeJS.Platform, CameraKind>>> = {
  linux: { format: 'v4l2', first: '/dev/video0', input: (device) => device },
  darwin: { format: 'avfoundation', first: '0', input: (device) => `${device}:none` },
  win32: { format: 'dshow', first: null, input: (device) => `video=${device}` },
};

/**
 * ffmpeg's options for a camera: a device of this system's kind (`/dev/video0`, on macOS a number, on Windows a name), or `FORMAT:DEVICE` of any
 * format that this ffmpeg has (`ffmpeg -devices`).
 *
 * @param device the first camera when left out
 * @throws UaferError `USAGE` where there is no kind for this system, or no first camera of it
 */
export function cameraInput(device?: string, platform: NodeJS.Platform = process.platform): string[] {
  const [, format, rest] = /^([a-z0-9_]+):(.+)$/s.exec(device ?? '') ?? [];
  if (format && rest) return ['-f', format, '-i', rest];
  const kind = KINDS[platform];
  const named = device ?? kind?.first;
  if (!kind || named == null) {
    throw new UaferError(
      'USAGE',
      kind
        ? '--camera: name the camera, as `ffmpeg -list_devices true -f dshow -i dummy` lists them.'
        : `--camera: no kind of camera is known for ${platform}: name it as FORMAT:DEVICE (see \`ffmpeg -devices\`).`,
    );
  }
  return ['-f', kind.format, '-i', kind.input(named)];
}
