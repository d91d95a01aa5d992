import type { FacePrediction } from '#uafer/predict/predictor.js';
import { caption } from '../words';

interface BoxesProps {
  width: number;
  height: number;
  faces: readonly FacePrediction[];
  /** What each face is called by; their places from 1 when left out. */
  numbers?: readonly number[];
  chosen: number;
  onChoose(face: number): void;
}

/** The faces' boxes over a picture. They are for pointers alone; the list of faces beside them is for everyone. */
export function Boxes({ width, height, faces, numbers, chosen, onChoose }: BoxesProps) {
  const share = (value: number, of: number) => `${(100 * value) / of}%`;
  return (
    <div class="boxes" aria-hidden="true">
      {faces.map((face, i) => {
        const { left, top, width: wide, height: high } = face.box;
        const place = {
          left: share(left, width),
          top: share(top, height),
          width: share(wide, width),
          height: share(high, height),
        };
        return (
          <button
            type="button"
            tabIndex={-1}
            key={i}
            class={`box box-${face.decision ?? 'report'} ${i === chosen ? 'chosen' : ''} ${top < 0.12 * height ? 'below' : ''} ${left > 0.7 * width ? 'leftward' : ''}`}
            style={place}
            onClick={() => onChoose(i)}
          >
            <span class="tag">
              {faces.length > 1 && <b>{numbers?.[i] ?? i + 1}</b>}
              <span class="tag-words">{caption(face)}</span>
            </span>
          </button>
        );
      })}
    </div>
  );
}
