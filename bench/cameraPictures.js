/**
 * A film for a browser's pretended camera (`--use-file-for-fake-video-capture`): the example photos, each passed by slowly, in Y4M, whose frames are
 * planes of luma and of halved chroma.
 */
import { closeSync, openSync, readdirSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const photos = fileURLToPath(new URL('../examples/photos/', import.meta.url));

/**
 * @param {string} path of the file to write
 * @param {{ width?: number, height?: number, rate?: number, seconds?: number }} [options] seconds that each photo is seen
 */
export async function writeCameraFilm(path, { width = 640, height = 360, rate = 15, seconds = 2 } = {}) {
  const file = openSync(path, 'w');
  writeSync(file, `YUV4MPEG2 W${width} H${height} F${rate}:1 Ip A1:1 C420jpeg\n`);
  for (const name of readdirSync(photos).sort()) {
    const frames = rate * seconds;
    const wide = Math.round(width * 1.1);
    const photo = sharp(`${photos}${name}`).resize(wide, Math.round(height * 1.1), { fit: 'cover', position: 'top' });
    const picture = await photo.removeAlpha().raw().toBuffer();
    for (let frame = 0; frame < frames; frame++) {
      writeSync(file, 'FRAME\n');
      writeSync(file, planes(picture, wide, Math.round(((wide - width) * frame) / frames), width, height));
    }
  }
  closeSync(file);
}

/** BT.601 at full range, of the part of the picture that begins at `left`. */
function planes(picture, stride, left, width, height) {
  const [luma, chroma] = [width * height, (width * height) / 4];
  const out = new Uint8Array(luma + 2 * chroma);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * stride + x + left) * 3;
      const [r, g, b] = [picture[from], picture[from + 1], picture[from + 2]];
      out[y * width + x] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
      if (y % 2 || x % 2) continue;
      const to = luma + (y / 2) * (width / 2) + x / 2;
      out[to] = Math.round(128 - 0.168736 * r - 0.331264 * g + 0.5 * b);
      out[to + chroma] = Math.round(128 + 0.5 * r - 0.418688 * g - 0.081312 * b);
    }
  }
  return out;
}
