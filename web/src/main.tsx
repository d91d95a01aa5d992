import { render } from 'preact';
import astronaut from '../../examples/photos/astronaut.jpg?url';
import five from '../../examples/photos/five.jpg?url';
import four from '../../examples/photos/four.jpg?url';
import three from '../../examples/photos/three.jpg?url';
import { App } from './app';
import { openModel } from './model';
import { keepForOffline } from './offline';
import { addPictures } from './pictures';
import { update } from './store';
import './styles.css';
import { listen } from './take';

const EXAMPLES = { 'three.jpg': three, 'five.jpg': five, 'four.jpg': four, 'astronaut.jpg': astronaut };

/** Loaded now, so that nothing is asked of the server afterwards. */
async function addExamples(): Promise<void> {
  const pictures = await Promise.all(
    Object.entries(EXAMPLES).map(async ([name, address]) => ({
      name,
      file: await (await fetch(address)).blob(),
      example: true,
    })),
  );
  addPictures(pictures);
}

const page = document.getElementById('page');
if (page) render(<App />, page);
listen();
const opened = openModel(null, null);
void Promise.all([
  addExamples().catch((error: Error) => update({ problem: `The examples could not be loaded: ${error.message}` })),
  opened,
]).then(keepForOffline);
