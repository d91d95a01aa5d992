import { useEffect, useRef } from 'preact/hooks';
import { takeOver } from '../offline';
import type { State } from '../store';
import { chooseDetector, openOwnModel } from '../take';
import { FilesInput } from './filesInput';

/** What runs, where, and whose model it is. */
export function Footer({ model, ownModel, backend, detector, offline }: State) {
  const folder = useRef<HTMLInputElement>(null);
  const zip = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (folder.current) folder.current.webkitdirectory = true;
  }, []);
  return (
    <footer class="footer">
      <section aria-labelledby="model">
        <h2 id="model">The model</h2>
        <p>
          {model ? (
            <>
              <b>{ownModel ?? model.name}</b>, {(model.bytes / 1e6).toFixed(1)} MB, {model.precision}, {model.classes.length}{' '}
              expressions
              {model.fittedOn ? `; calibrated on ${model.fittedOn}` : '; not calibrated'}. Licence: {model.licence}
            </>
          ) : (
            'Loading.'
          )}
        </p>
        <p class="choices">
          <button type="button" class="quiet" onClick={() => zip.current?.click()}>
            Open your own model (zip)
          </button>
          <button type="button" class="quiet" onClick={() => folder.current?.click()}>
            … or its folder
          </button>
          {ownModel !== null && (
            <button type="button" class="quiet" onClick={() => void openOwnModel(null)}>
              Back to the built-in one
            </button>
          )}
        </p>
        <p class="note">
          A model that <code>uafer export</code> wrote. When the model changes, everything of the one before is given back.
        </p>
        <FilesInput inputRef={zip} label="A model as a zip" accept=".zip" />
        <FilesInput inputRef={folder} label="A model's folder" />
      </section>
      <section aria-labelledby="runs">
        <h2 id="runs">How it runs</h2>
        <p>
          <span class="backend">{backend || 'Loading.'}</span>
          {backend.includes('not cross-origin isolated') &&
            '. A server that sends the headers COOP and COEP gives it more threads.'}
        </p>
        <fieldset class="detectors">
          <legend>Finding faces</legend>
          {(
            [
              ['blazeface', 'Quick'],
              ['mtcnn', 'Thorough, for small faces; many times slower'],
            ] as const
          ).map(([name, words]) => (
            <label key={name}>
              <input type="radio" name="detector" checked={detector === name} onChange={() => void chooseDetector(name)} />{' '}
              {words}
            </label>
          ))}
        </fieldset>
        <p class="note">
          <a href="./LICENSES.txt">Licences</a> of all that is in this page. uafer {PACKAGE_VERSION}
          {offline ? `, build ${offline.build}, kept for use without a network. ` : '. '}
          {offline?.newer && (
            <button type="button" class="link" onClick={takeOver}>
              A newer build is here: load it
            </button>
          )}
        </p>
      </section>
    </footer>
  );
}
