// One of several processes: `node distributed.js WHAT RANK SIZE PORT`. Prints what it found as a line of JSON.
import {
  backward,
  createGradientReducer,
  noGrad,
  openGroup,
  openStore,
  ops,
  scope,
  TROUBLE,
  tensor,
  toArray,
} from '#uafer/engine/index.js';

const [what, rankText, sizeText, portText] = process.argv.slice(2);
const [rank, size, port] = [Number(rankText), Number(sizeText), Number(portText)];
const timeoutSeconds = what === 'absent' || what === 'silent' ? 3 : 60;
const connect = () =>
  openStore({ host: '127.0.0.1', port, keeps: rank === 0, connectSeconds: timeoutSeconds, answerSeconds: timeoutSeconds });
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

function open(store) {
  return openGroup({ store, name: 'all', backend: 'gloo', rank, size, timeoutSeconds, address: '127.0.0.1' });
}

const cases = {
  /** Sums, what the root has, everybody's. */
  collectives() {
    const store = connect();
    store.set(`note/${rank}`, `of ${rank}`);
    const group = open(store);
    const summed = tensor([1, rank], [2]);
    group.allReduce(summed);
    const told = tensor([rank === 0 ? 7 : 0], [1]);
    group.broadcast(told);
    const gathered = group.allGather(tensor([rank * 10], [1])).map(toArray);
    const atRoot = group.gather(tensor([rank * 100], [1])).map(toArray);
    const notes = Array.from({ length: size }, (_, i) => store.get(`note/${i}`));
    say({ summed: toArray(summed), told: toArray(told), gathered, atRoot, notes, nothing: store.get('nothing') });
    group.allReduce(tensor([0], [1]));
    group.close();
    store.close();
  },

  /** The gradient of the sum of all processes' losses through a sum of all. */
  differentiable() {
    const group = open(connect());
    const x = tensor([1, 2 + rank], [2]);
    x.requiresGrad = true;
    // Of process r: (r + 1) y^2 with y = sum of x, so that the whole gradient for every x is 2 y sum (r + 1).
    const y = group.allReduced(x);
    backward(ops.mul(ops.sum(ops.mul(y, y)), rank + 1));
    say({ y: toArray(y), gradient: toArray(x.grad) });
    group.allReduce(tensor([0], [1]));
    group.close();
  },

  /** Gradients in several buckets, a parameter without one, and a second step. */
  gradients() {
    const group = open(connect());
    const shapes = [[40, 3], [3], [3, 40], [40], [5]];
    const parameters = shapes.map((shape) => noGrad(() => ops.full(shape, 0.5)));
    for (const parameter of parameters) parameter.requiresGrad = true;
    // A layout other than row by row, as weights of convolutions may have.
    const turned = noGrad(() => ops.transpose(ops.full([6, 2], 0.5), 0, 1));
    turned.requiresGrad = true;
    const all = [...parameters, turned];
    const reducer = createGradientReducer(group, all, 600);
    const steps = [0, 1].map((step) => {
      for (const parameter of all) parameter.grad = null;
      reducer.begin();
      scope(() => {
        const x = tensor(
          Float32Array.from({ length: 40 }, (_, i) => i + rank + step),
          [1, 40],
        );
        const hidden = ops.linear(x, parameters[2], parameters[1]);
        const out = ops.linear(hidden, parameters[0], parameters[3]);
        backward(ops.add(ops.sum(out), ops.sum(ops.mul(turned, rank + 1))));
      });
      const seconds = reducer.finish(1 / size);
      return { seconds, gradients: all.map((parameter) => parameter.grad && toArray(parameter.grad)) };
    });
    say({ buckets: reducer.buckets, steps });
    group.allReduce(tensor([0], [1]));
    reducer.close();
    group.close();
  },

  /** The last process goes while the others wait for its part. */
  gone() {
    const group = open(connect());
    if (rank === size - 1) process.kill(process.pid, 'SIGKILL');
    waitFor(group);
  },

  /** The last process says that it fails, and stays. */
  trouble() {
    const store = connect();
    const group = open(store);
    if (rank === size - 1) {
      store.set(TROUBLE, 'a picture');
      setTimeout(() => say({ told: true }), 4000);
    } else waitFor(group, store);
  },

  /** The last process does not come to the sum. */
  silent() {
    const group = open(connect());
    if (rank === size - 1) setTimeout(() => say({ silent: true }), 8000);
    else waitFor(group);
  },

  /** The last process never comes at all. */
  absent() {
    if (rank === size - 1) return say({ absent: true });
    const began = performance.now();
    try {
      open(connect());
      say({ opened: true });
    } catch ({ code, message }) {
      say({ code, message, seconds: (performance.now() - began) / 1000 });
    }
  },

  /** The port is another's. */
  taken() {
    try {
      connect();
      say({ opened: true });
    } catch ({ code, message }) {
      say({ code, message });
    }
  },
};

function waitFor(group, store) {
  const began = performance.now();
  try {
    group.allReduce(tensor([1], [1]));
    say({ summed: true });
  } catch ({ code, message }) {
    say({ code, message, seconds: (performance.now() - began) / 1000, why: store?.get(TROUBLE) });
  }
}

cases[what]();
