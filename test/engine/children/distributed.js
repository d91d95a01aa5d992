// One of several processes: `node distributed.js WHAT RANK SIZE PORT`. Prints what it found as a line of JSON.
import {
  backward,
  batchNormTogether,
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

  /** Batch normalisation of two rows a process beside that of all rows in one: largest differences of what each has. */
  normalised() {
    const group = open(connect());
    const whole = Float32Array.from({ length: 2 * size * 3 * 16 }, (_, i) => 3 + Math.sin(i * i) + (i % 3));
    const weights = Float32Array.from(whole, (_, i) => Math.cos(i * 7));
    const parameters = () => {
      const made = [tensor([1, 2, 3], [3]), tensor([0, 1, -1], [3]), tensor([0, 0, 0], [3]), tensor([1, 1, 1], [3])];
      for (const parameter of made.slice(0, 2)) parameter.requiresGrad = true;
      return made;
    };
    const lossOf = (y, w) => ops.sum(ops.mul(ops.mul(y, y), tensor(w, y.shape)));
    const rows = (values) => values.subarray(rank * 96, (rank + 1) * 96);
    const [own, one] = [parameters(), parameters()];
    const [x, all] = [tensor(rows(whole), [2, 3, 4, 4]), tensor(whole, [2 * size, 3, 4, 4])];
    for (const input of [x, all]) input.requiresGrad = true;
    // The last process's pictures stand in for none, so that they count for nothing.
    const counts = rank < size - 1;
    const y = batchNormTogether(x, own, { group, counts });
    backward(ops.mul(lossOf(y, rows(weights)), counts ? 1 : 0));
    const counted = ops.slice(all, 0, 0, 2 * (size - 1));
    const expected = ops.batchNorm(counted, ...one, { training: true });
    backward(lossOf(expected, weights.subarray(0, 96 * (size - 1))));
    for (const { grad } of own.slice(0, 2)) group.allReduce(grad);
    const difference = (a, b) => ops.amax(ops.abs(ops.sub(a, b)), []).item();
    const part = (values) => (counts ? ops.slice(values, 0, 2 * rank, 2 * rank + 2) : null);
    say({
      y: counts ? difference(y, part(expected)) : 0,
      x: counts ? difference(x.grad, part(all.grad)) : ops.amax(ops.abs(x.grad), []).item(),
      parameters: Math.max(...[0, 1].map((i) => difference(own[i].grad, one[i].grad))),
      running: Math.max(...[2, 3].map((i) => difference(own[i], one[i]))),
    });
    group.allReduce(tensor([0], [1]));
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
