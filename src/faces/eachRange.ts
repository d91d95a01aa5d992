import type { Detector } from './types.js';

/**
 * Looks for faces at every distance: where `far` finds none, `near` looks too. BlazeFace for faces within 5 metres overlooks those that fill
 * the picture, which its network for faces within 2 metres is made for.
 *
 * @param near is loaded with the first picture in which `far` finds none
 */
export function eachRange(far: Detector, near: () => Promise<Detector>): Detector {
  let loaded: Promise<Detector> | undefined;
  return {
    name: far.name,
    async detect(picture) {
      const faces = await far.detect(picture);
      if (faces.length > 0) return faces;
      loaded ??= near();
      return (await loaded).detect(picture);
    },
    async close() {
      await far.close();
      await (await loaded?.catch(() => undefined))?.close();
    },
  };
}
