import { expect, it } from 'vitest';
import { cameraInput } from '#uafer/video/camera.js';

it.each<[NodeJS.Platform, string | undefined, string[]]>([
  ['linux', undefined, ['-f', 'v4l2', '-i', '/dev/video0']],
  ['linux', '/dev/video2', ['-f', 'v4l2', '-i', '/dev/video2']],
  ['darwin', undefined, ['-f', 'avfoundation', '-i', '0:none']],
  ['win32', 'Integrated Camera', ['-f', 'dshow', '-i', 'video=Integrated Camera']],
  ['linux', 'x11grab::0.0', ['-f', 'x11grab', '-i', ':0.0']],
])('on %s the camera %s is opened as %j', (platform, device, expected) => {
  expect(cameraInput(device, platform)).toEqual(expected);
});

it('where there is no first camera, or no kind of camera is known, it is said how to name one', () => {
  expect(() => cameraInput(undefined, 'win32')).toThrow(/name the camera, as `ffmpeg -list_devices/);
  expect(() => cameraInput('x', 'aix')).toThrow(/name it as FORMAT:DEVICE/);
});
