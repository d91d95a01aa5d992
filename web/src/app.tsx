import { useEffect, useRef, useState } from 'preact/hooks';
import { showTrack, startCamera, stop, videoElement } from './live';
import { removePicture, showPicture } from './pictures';
import { savePicture, saveText } from './save';
import { current, type Live, onChange, type PictureEntry, type State, shownPicture, update } from './store';
import { About } from './view/about';
import { Boxes } from './view/boxes';
import { Caution } from './view/caution';
import { type Compared, Comparison } from './view/comparison';
import { FilesInput } from './view/filesInput';
import { Footer } from './view/footer';
import { Mark } from './view/mark';
import { Reading } from './view/reading';
import { Timeline } from './view/timeline';
import { type Deciding, decided, headline } from './words';

/** The page. */
export function App() {
  const [, setChanges] = useState(0);
  useEffect(() => onChange(() => setChanges((changes) => changes + 1)), []);
  const state = current();
  const { live, model, risk } = state;
  const picture = live ? null : shownPicture(state);
  const deciding = { decision: model?.decision ?? null, risk };
  const faces = picture?.answer?.prediction.faces.map((face) => decided(face, deciding)) ?? [];
  return (
    <>
      <a class="skip" href="#result">
        To the result
      </a>
      <header class="masthead">
        <span class="wordmark">uafer</span>
        <span class="promise">On this device alone. Nothing you open is sent anywhere.</span>
      </header>
      <main>
        <Intro live={live !== null} />
        {state.problem && (
          <div class="problem" role="alert">
            <p>{state.problem}</p>
            <button type="button" class="link" onClick={() => update({ problem: null })}>
              Close
            </button>
          </div>
        )}
        <div class="workbench">
          <div class="left">
            {live ? <LiveStage live={live} state={state} /> : <PhotoStage state={state} faces={faces} picture={picture} />}
            {live && model && <Timeline live={live} classes={model.classes} />}
            {!live && <Strip state={state} />}
          </div>
          <section class="right" id="result" aria-label="What it says of the face" tabIndex={-1}>
            <h2 class="unseen">What it says of the face</h2>
            <Result state={state} faces={faces} picture={picture} />
          </section>
          {model && <Caution model={model} risk={risk} />}
        </div>
        {model && !live && <Comparison all={comparedFaces(state, deciding)} classes={model.classes} />}
        <About model={model} own={state.ownModel !== null} />
      </main>
      <Footer {...state} />
      <div class="unseen" role="status" aria-live="polite">
        {state.said}
      </div>
      {state.dragging && (
        <div class="dropping" aria-hidden="true">
          <p>Let go anywhere</p>
        </div>
      )}
    </>
  );
}

/** The faces of all of the person's own pictures, or of the example that is shown. */
function comparedFaces({ pictures, shown, face: chosen }: State, deciding: Deciding): Compared[] {
  const own = pictures.filter(({ example }) => !example);
  const several = own.length > 1 && own.some(({ id }) => id === shown);
  return (several ? own : pictures.filter(({ id }) => id === shown)).flatMap(({ id, name, answer }) =>
    (answer?.prediction.faces ?? []).map((face, i) => ({
      face: decided(face, deciding),
      crop: answer?.crops[i] ?? '',
      name: several ? `${name}${answer && answer.crops.length > 1 ? `, ${i + 1}` : ''}` : `Face ${i + 1}`,
      chosen: id === shown && i === chosen,
      choose() {
        if (id !== shown) showPicture(id);
        update({ face: i });
      },
    })),
  );
}

function Intro({ live }: { live: boolean }) {
  const photos = useRef<HTMLInputElement>(null);
  const video = useRef<HTMLInputElement>(null);
  return (
    <div class="intro">
      <h1>
        How a face looks, <em>and how sure that is</em>
      </h1>
      <div class="intro-side">
        <p class="lede">
          Open a photo. For every face in it you see which word people would most likely use for its expression, and how far
          that can be trusted.
        </p>
        <div class="actions">
          <button type="button" class="primary" onClick={() => photos.current?.click()}>
            Open photos
          </button>
          {live ? (
            <button type="button" class="quiet" onClick={stop}>
              Stop
            </button>
          ) : (
            <button type="button" class="quiet" onClick={() => void startCamera()}>
              Camera
            </button>
          )}
          <button type="button" class="quiet" onClick={() => video.current?.click()}>
            Video
          </button>
          <span class="hint">or drop or paste anywhere</span>
        </div>
        <FilesInput inputRef={photos} label="Photos" accept="image/*" multiple />
        <FilesInput inputRef={video} label="A video" accept="video/*" />
      </div>
    </div>
  );
}

type Faces = NonNullable<PictureEntry['answer']>['prediction']['faces'];

interface PhotoProps {
  state: State;
  faces: Faces;
  picture: PictureEntry | null;
}

function PhotoStage({ state, faces, picture }: PhotoProps) {
  if (!picture) return <div class="stage empty">Drop a photo here</div>;
  const { answer, error, url, name } = picture;
  const { width, height } = answer?.prediction ?? { width: 0, height: 0 };
  return (
    <figure class="photo">
      <div class="stage">
        <div class={error === null ? 'frame' : 'frame broken'} data-busy={!answer && error === null}>
          <img src={url} alt={name} decoding="async" {...(width > 0 && { width, height })} />
          {answer && (
            <Boxes width={width} height={height} faces={faces} chosen={state.face} onChoose={(face) => update({ face })} />
          )}
        </div>
      </div>
      <figcaption>
        <span class="file">{name}</span>
        {answer && (
          <span class="save">
            <span>Save</span>
            <button type="button" class="link" onClick={() => void savePicture()}>
              picture
            </button>
            <button type="button" class="link" onClick={() => void saveText('json')}>
              JSON
            </button>
            <button type="button" class="link" onClick={() => void saveText('csv')}>
              CSV
            </button>
          </span>
        )}
      </figcaption>
    </figure>
  );
}

function LiveStage({ live, state }: { live: Live; state: State }) {
  const place = useRef<HTMLDivElement>(null);
  const element = videoElement();
  useEffect(() => {
    if (element) place.current?.prepend(element);
    return () => element?.remove();
  }, [element]);
  const deciding = { decision: state.model?.decision ?? null, risk: state.risk };
  const faces = live.faces.map((face) => ({ ...face, ...decided(face.overTime, deciding) }));
  return (
    <figure class="photo">
      <div class="stage">
        <div class={`frame ${live.kind}`} ref={place} style={{ '--ratio': String(live.width / live.height) }}>
          <Boxes
            width={live.width}
            height={live.height}
            faces={faces}
            numbers={live.faces.map(({ track }) => track)}
            chosen={live.faces.findIndex(({ track }) => track === live.track)}
            onChoose={(i) => showTrack((live.faces[i] as (typeof live.faces)[number]).track)}
          />
        </div>
      </div>
      <figcaption>
        <span class="file">{live.name}</span>
        <span class="rate" data-seen={live.seen}>
          {live.rate} frames a second looked at{live.dropped > 0 && `, ${live.dropped.toLocaleString('en')} let go meanwhile`}
        </span>
      </figcaption>
    </figure>
  );
}

/** The pictures that are open, to choose among. */
function Strip({ state: { pictures, shown } }: { state: State }) {
  if (pictures.length === 0) return null;
  const own = pictures.some(({ example }) => !example);
  return (
    <fieldset class={pictures.length > 20 ? 'strip many' : 'strip'}>
      <legend>{own ? 'Your pictures, and examples' : 'Examples to try'}</legend>
      {pictures.map(({ id, name, answer, error, example }) => (
        <span class="strip-item" key={id}>
          <label>
            <input type="radio" name="picture" checked={id === shown} onChange={() => showPicture(id)} />
            {answer ? (
              <img src={answer.thumbnail} alt={name} width="80" height="80" />
            ) : (
              <span class={error === null ? 'waits' : 'waits failed'} title={name} />
            )}
            {!answer && <span class="unseen">{name}</span>}
          </label>
          {!example && (
            <button type="button" class="remove" aria-label={`Remove ${name}`} onClick={() => removePicture(id)}>
              <svg viewBox="0 0 12 12" width="10" height="10" aria-hidden="true">
                <path d="M2 2l8 8M10 2l-8 8" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" />
              </svg>
            </button>
          )}
        </span>
      ))}
    </fieldset>
  );
}

function Result({ state, faces, picture }: PhotoProps) {
  const { loading, model, live, expression, pointed, asSeen, risk } = state;
  if (loading) return <Loading {...loading} />;
  if (!model) return <p class="message">No model is open.</p>;
  const shared = { model, expression, pointed, asSeen };
  if (live) {
    const face = live.faces.find(({ track }) => track === live.track) ?? live.faces[0];
    if (!face) return <p class="message">{live.seen === 0 ? 'Waiting for the first frame.' : 'No face is in sight.'}</p>;
    return (
      <>
        <FaceList
          label="Faces in sight"
          faces={live.faces.map((each) => ({
            key: each.track,
            name: headline(decided(each.overTime, { decision: model.decision, risk })),
            crop: null,
          }))}
          chosen={live.track}
          onChoose={showTrack}
        />
        <Reading
          {...shared}
          answer={decided(face.overTime, { decision: model.decision, risk })}
          crop={live.crops[live.faces.indexOf(face)] ?? null}
          heatmap={face.heatmap}
        />
      </>
    );
  }
  if (!picture) return <p class="message">Open a photo, or choose an example.</p>;
  if (picture.error !== null) return <p class="message">{picture.error}</p>;
  if (!picture.answer) return <p class="message working">Looking for faces.</p>;
  const face = faces[state.face] ?? faces[0];
  if (!face)
    return (
      <p class="message">
        No face was found. They may be too small, or turned away; “Thorough”, at the bottom of the page, finds more.
      </p>
    );
  const { crops } = picture.answer;
  return (
    <>
      <FaceList
        label="Faces in this picture"
        faces={faces.map((each, i) => ({ key: i, name: headline(each), crop: crops[i] ?? null, decision: each.decision }))}
        chosen={state.face}
        onChoose={(i) => update({ face: i })}
      />
      <Reading {...shared} answer={face} crop={crops[state.face] ?? null} heatmap={face.heatmap} />
    </>
  );
}

interface FaceListProps {
  label: string;
  faces: { key: number; name: string; crop: string | null; decision?: Faces[number]['decision'] }[];
  chosen: number | null;
  onChoose(key: number): void;
}

/** The faces by number; of a single one there is nothing to choose. */
function FaceList({ label, faces, chosen, onChoose }: FaceListProps) {
  if (faces.length < 2) return null;
  return (
    <fieldset class="faces">
      <legend>{label}</legend>
      {faces.map(({ key, name, crop, decision }, i) => (
        <label key={key}>
          <input type="radio" name="face" checked={key === chosen} onChange={() => onChoose(key)} />
          {crop && <img src={crop} alt="" width="52" height="52" />}
          <span class="face-number">
            {decision !== undefined && <Mark decision={decision} />}
            {crop ? i + 1 : key}
          </span>
          <span class="unseen">: {name}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Loading({ done, total }: { done: number; total: number }) {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  const whole = total > 0 && done >= total;
  return (
    <div class="loading">
      <p class="message">{whole ? 'Making ready.' : 'Loading what it needs, once.'}</p>
      <progress max={Math.max(total, 1)} value={done} aria-label="Loading" />
      <p class="note">{total > 0 ? `${megabytes(done)} of ${megabytes(total)} MB` : '\u00a0'}</p>
    </div>
  );
}
