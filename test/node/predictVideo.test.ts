/** Videos, from frames to faces that are followed, on a film made of the example photos and faces. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createPredictor,
  fuseOverTime,
  type Predictor,
  predictCamera,
  predictVideo,
  type VideoFramePrediction,
} from '#uafer/node/index.js';
import { PATH_WITH_FFMPEG, runFfmpeg, writeFilm } from '../support/ffmpeg.js';
import { exampleFilm, FILM_RATE } from '../support/film.js';
import { temporaryFolder } from '../support/pictures.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
const before = process.env.PATH;
let predictor: Predictor;
let frames: VideoFramePrediction[];

beforeAll(async () => {
  process.env.PATH = PATH_WITH_FFMPEG;
  writeFilm(at('film.mp4'), await exampleFilm(), { rate: FILM_RATE });
  predictor = await createPredictor({ threads: 1 });
  frames = [];
  for await (const frame of predictVideo(predictor, at('film.mp4'), { onProblem: expect.unreachable })) frames.push(frame);
});
afterAll(async () => {
  await predictor.close();
  process.env.PATH = before;
  folder[Symbol.dispose]();
});

/** What is seen of a track: its frames, and the answer of each. */
function seen(track: number) {
  return frames.flatMap(({ frame, time, faces }) =>
    faces.flatMap((face) => (face.track === track ? [{ frame, time, face }] : [])),
  );
}
const last = (track: number) => seen(track).at(-1)?.face.overTime;

describe('the film', () => {
  it('has a face for everyone in each scene, from where they come in to where they leave', () => {
    const tracks = new Set(frames.flatMap(({ faces }) => faces.map(({ track }) => track)));
    expect([...tracks]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const ends = [...tracks].map((track) => [seen(track).at(0)?.frame, seen(track).at(-1)?.frame] as [number, number]);
    const stated: [number, number][] = [
      // In the pan: the left face leaves at the edge, and the right one comes in at the other.
      [0, 15],
      [0, 24],
      [14, 24],
      // Until it is too dark to see.
      [25, 43],
      ...Array.from({ length: 4 }, () => [50, 64] as [number, number]),
      [65, 94],
    ];
    // How far beyond the edge, or how dark, a face is still found: a detector on another processor may differ by two frames. Cuts are exact.
    const exact = new Set([0, 24, 25, 64, 65, 94]);
    ends.forEach(([from, to], i) => {
      const [first, end] = stated[i] as [number, number];
      expect(Math.abs(from - first), `track ${i + 1} comes at ${from}`).toBeLessThanOrEqual(exact.has(first) ? 0 : 2);
      expect(Math.abs(to - end), `track ${i + 1} leaves at ${to}`).toBeLessThanOrEqual(exact.has(end) ? 0 : 2);
    });
  });

  it('is not interrupted: a face that is panned over, or changes, stays the same', () => {
    for (let track = 1; track <= 9; track++) {
      const numbers = seen(track).map(({ frame }) => frame);
      const [from, to] = [numbers[0] as number, numbers.at(-1) as number];
      expect(numbers.length / (to - from + 1)).toBeGreaterThan(0.85);
    }
  });

  it('has its cuts where they are, one in each fade, and none in the pan', () => {
    const cuts = frames.flatMap(({ cut, frame }) => (cut ? [frame] : []));
    expect(cuts.filter((frame) => [25, 65].includes(frame))).toEqual([25, 65]);
    const others = cuts.filter((frame) => ![25, 65].includes(frame));
    expect(others).toHaveLength(2);
    expect(others[0]).toBeGreaterThan(39);
    expect(others[0]).toBeLessThan(46);
    expect(Math.abs((others[1] as number) - 50)).toBeLessThanOrEqual(2);
  });

  it('says of each face what its frames say together, by the formula', () => {
    const tracks = new Set(frames.flatMap(({ faces }) => faces.map(({ track }) => track)));
    for (const track of tracks) {
      const answers = seen(track).map(({ time, face }) => ({ time, answer: face }));
      answers.forEach(({ time, answer }) => {
        const window = answers.filter((other) => other.time <= time && time - other.time < 2);
        expect(answer.overTime).toEqual(fuseOverTime(window, time, predictor.model));
      });
    }
  });

  it('says at last of the faces of the photos what the photos say', () => {
    expect([1, 2, 3, 4, 5, 6].map((track) => last(track)?.expression)).toEqual([
      'neutral',
      'happy',
      'happy',
      'happy',
      'happy',
      'neutral',
    ]);
    for (const track of [1, 2, 3, 5, 6]) expect(last(track)?.decision).toBe('report');
  });

  it('rejects faces that come out of the dark, and is certain of them later', () => {
    for (const track of [5, 6, 7, 8]) {
      const [first] = seen(track);
      expect(first?.face.overTime).toMatchObject({ decision: 'reject' });
      expect(last(track)?.decision).not.toBe('reject');
    }
  });

  it('becomes less certain of a face while it gets dark, by half in half a second', () => {
    const own = seen(4);
    const [bright, dim] = [own.find(({ frame }) => frame === 39), own.at(-1)];
    expect(bright?.face.overTime.uncertainty).toBeLessThan(0.4);
    expect(dim?.face.overTime.uncertainty).toBeGreaterThan((bright?.face.overTime.uncertainty as number) + 0.15);
    // The frame itself says next to nothing, and does not take away what was seen before.
    expect(dim?.face.uncertainty).toBeGreaterThan(0.9);
    expect(dim?.face.overTime.expression).toBe('happy');
  });

  it('is uncertain of a face while it changes from happy to earnest, certain before, and less uncertain after', () => {
    const own = new Map(seen(9).map(({ frame, face }) => [frame, face.overTime]));
    expect(own.get(74)).toMatchObject({ expression: 'happy', decision: 'report' });
    // What was seen before is not forgotten yet, and that it is happy is no longer said.
    expect(own.get(94)).toMatchObject({ decision: 'ambiguous' });
    expect(own.get(94)?.probabilities.happy).toBeLessThan(0.4);
    const uncertainty = (frame: number) => own.get(frame)?.uncertainty as number;
    const changing = Math.max(...Array.from({ length: 10 }, (_, i) => uncertainty(78 + i)));
    expect(changing).toBeGreaterThan(uncertainty(74) + 0.2);
    expect(changing).toBeGreaterThan(uncertainty(94) + 0.05);
    // No single frame is as uncertain at the end of the change: it is the contradiction.
    const frame = seen(9).find((each) => each.frame === 88)?.face;
    expect(frame?.overTime.uncertainty).toBeGreaterThan((frame?.uncertainty as number) + 0.1);
  });

  it('gives the frames themselves, and times in seconds', () => {
    expect(frames).toHaveLength(95);
    expect(frames[30]).toMatchObject({ frame: 30, width: 400, height: 300, picture: { width: 400, height: 300 } });
    expect(frames[30]?.time).toBeCloseTo(3, 3);
  });
});

describe('options', () => {
  it('every N-th frame gives the same answers to those frames, and follows the same faces', async () => {
    const some: VideoFramePrediction[] = [];
    for await (const frame of predictVideo(predictor, at('film.mp4'), { every: 5 })) some.push(frame);
    expect(some.map(({ frame }) => frame)).toEqual(Array.from({ length: 19 }, (_, i) => 5 * i));
    const whole = new Map(frames.map((frame) => [frame.frame, frame]));
    for (const { frame, faces } of some) {
      expect(faces.map(({ box }) => box)).toEqual(whole.get(frame)?.faces.map(({ box }) => box));
      expect(faces.map(({ probabilities }) => probabilities)).toEqual(
        whole.get(frame)?.faces.map((face) => face.probabilities),
      );
    }
    // A fifth of the frames shows the pan in jumps of forty pixels.
    expect(new Set(some.slice(0, 5).flatMap(({ faces }) => faces.map(({ track }) => track)))).toEqual(new Set([1, 2, 3]));
  });

  it('of the predictor hold: the largest face alone, and a threshold that rejects', async () => {
    for await (const { frame, faces } of predictVideo(predictor, at('film.mp4'), { every: 10, faces: 'largest', abstain: 0 })) {
      expect(faces.length).toBeLessThanOrEqual(1);
      for (const { overTime } of faces) expect(overTime.decision).toBe('reject');
      if (frame === 30) break;
    }
  });

  it('out of their range are refused', async () => {
    for (const every of [0, 1.5, Number.NaN])
      await expect(predictVideo(predictor, at('film.mp4'), { every }).next()).rejects.toThrow(/every: expected a whole number/);
    await expect(predictVideo(predictor, at('film.mp4'), { gap: -1 }).next()).rejects.toThrow(/gap: expected seconds/);
  });

  it('a signal ends it, and what came until then is whole', async () => {
    const stop = new AbortController();
    const some: VideoFramePrediction[] = [];
    for await (const frame of predictVideo(predictor, at('film.mp4'), { signal: stop.signal })) {
      some.push(frame);
      if (frame.frame === 3) stop.abort();
    }
    expect(some.length).toBeGreaterThan(3);
    expect(some.length).toBeLessThan(95);
    expect(some.map(({ faces }) => faces.length)).toEqual(frames.slice(0, some.length).map(({ faces }) => faces.length));
  });
});

describe('a camera', () => {
  it('is followed to its end, at the speed of time, with late frames left out', async () => {
    runFfmpeg(['-i', at('film.mp4'), '-t', '2', '-vf', 'fps=30', '-c:v', 'libx264', at('camera.mp4')]);
    const times: number[] = [];
    const began = performance.now();
    // `movie` and `realtime` stand for a device: frames come when they are due, whether anyone takes them or not.
    for await (const { time, faces } of predictCamera(predictor, `lavfi:movie=${at('camera.mp4')},realtime`)) {
      times.push(time);
      expect(faces.length).toBeGreaterThan(0);
    }
    expect(performance.now() - began).toBeGreaterThan(1500);
    expect(times.at(-1)).toBeCloseTo(59 / 30, 1);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('that is not there is told by its name', async () => {
    await expect(predictCamera(predictor, 'v4l2:/dev/video77').next()).rejects.toMatchObject({
      code: 'IMAGE',
      message: expect.stringMatching(/The camera v4l2:\/dev\/video77 cannot be read as a video: .*(No such file|Cannot open)/i),
    });
  });

  it('is let go when one leaves, even if nothing comes from it any more', async () => {
    const source = 'lavfi:testsrc=size=64x48:rate=4,realtime';
    for await (const { time } of predictCamera(predictor, source)) {
      expect(time).toBe(0);
      break;
    }
  });
});
