/**
 * Calls operators wrongly, many times. Usage: node misuse.js SEED ROUNDS LAST_CALL_FILE own|all|OPERATOR
 *
 * `own`: the operators of ops.ts, with arguments that may be wrong in any way, and lists of tensors for `fusedAdamw_`. `all`: every
 * operator of libtorch, with at least one argument of a kind that no operator takes (libtorch's kernels for internal use trust the shapes
 * that they are given, so those are not tried). Each call is written to LAST_CALL_FILE before it is made, so that what ended the process can be read there. Prints
 * {operators, calls, failures, wrong}: `wrong` lists errors that are no `OPERATOR` errors, and what `all` got no error for.
 */
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { noGrad, ops, scope, setThreads, tensor, unsafeOperator } from '#uafer/engine/index.js';
import { locateLibtorch } from '#uafer/engine/locate.js';
import { UaferError } from '#uafer/errors.js';

const [seed, rounds, lastCallFile, which] = process.argv.slice(2);
const lastCall = openSync(lastCallFile, 'w');
setThreads(1);

/** {name, types} of every operator, from the headers that come with libtorch. */
function operatorsOfHeaders() {
  const folder = join(locateLibtorch().root, 'include/ATen/ops');
  return readdirSync(folder)
    .filter((file) => file.endsWith('_ops.h'))
    .flatMap((file) => [...readFileSync(join(folder, file), 'utf8').matchAll(/schema_str = "([^"(]+)\((.*)\) -> [^"]*"/g)])
    .map(([, name, parameters]) => ({ name: `aten::${name}`, types: typesOf(parameters) }));
}

function typesOf(parameters) {
  const outsideBrackets = /,\s*(?![^(]*\))/;
  return parameters
    .split(outsideBrackets)
    .filter((parameter) => parameter && parameter !== '*')
    .map((parameter) => parameter.replace(/\([^)]*\)/, '').split(' ')[0]);
}

/** Tensors of every sort; made anew for each operator, since it may change them. */
function makeTensors() {
  const x = ops.rand([2, 3]);
  const disposed = ops.zeros([2]);
  disposed.dispose();
  const leaf = ops.rand([3]);
  leaf.requiresGrad = true;
  return {
    x,
    leaf,
    disposed,
    scalar: tensor([2], []),
    empty: ops.zeros([0, 3]),
    row: ops.rand([3]),
    square: ops.rand([3, 3]),
    cube: ops.rand([2, 3, 4]),
    images: ops.rand([1, 3, 8, 8]),
    transposed: ops.transpose(x, 0, 1),
    expanded: ops.expand(tensor([1], [1]), [2, 3]),
    indices: ops.arange(0, 3),
    wrongIndices: tensor(BigInt64Array.of(-9n, 2n ** 40n, 7n), [3]),
    int32: ops.zeros([3], { dtype: 'int32' }),
    bool: ops.ones([2, 3], { dtype: 'bool' }),
    half: ops.ones([2, 3], { dtype: 'float16' }),
    bfloat16: ops.ones([3, 2], { dtype: 'bfloat16' }),
    double: ops.ones([2, 3], { dtype: 'float64' }),
    nan: ops.full([2, 3], Number.NaN),
    complex: unsafeOperator('aten::complex')(x, x),
    sparse: unsafeOperator('aten::to_sparse')(x),
    meta: ops.zeros([2, 3], { device: 'meta' }),
  };
}

const prototype = Object.getPrototypeOf(ops.zeros([1]));
const junk = {
  prototype: Object.create(prototype),
  foreign: Object.setPrototypeOf(new Map(), prototype),
  proxy: new Proxy(ops.zeros([1]), {}),
  object: {},
  fakeArray: { length: 3, 0: 1 },
  sparseArray: new Array(4_000_000_000),
  throwing: Object.defineProperty([0], 0, {
    get() {
      throw new UaferError('OPERATOR', 'a getter that throws');
    },
  }),
  cyclic: (() => {
    const list = [];
    list.push(list);
    return list;
  })(),
  function: () => 1,
  symbol: Symbol('s'),
  typed: new Float32Array(3),
  date: new Date(0),
};

/** An arbitrary that remembers how its value is called in a report. */
const named = (group) => fc.constantFrom(...Object.entries(group).map(([name, value]) => ({ name, value })));
const shown = (value) => ({ name: typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value)), value });
const shownNumber = (value) => ({ name: Object.is(value, -0) ? '-0' : String(value), value });
const number = fc
  .oneof(
    fc.integer({ min: -3, max: 5 }),
    fc.constantFrom(0.5, -0, 1e3, 2 ** 31, -(2 ** 31), 2 ** 53, -(2 ** 53), 1e300, Number.NaN, Infinity, -Infinity),
  )
  .map(shownNumber);
const integer = fc
  .oneof(
    { weight: 8, arbitrary: fc.integer({ min: -3, max: 5 }) },
    { weight: 1, arbitrary: fc.constantFrom(2 ** 31, -(2 ** 31), 2 ** 53, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n) },
  )
  .map(shown);
const flag = fc.boolean().map(shown);
const text = fc.constantFrom('', 'cpu', 'cuda', 'float32', 'sum', 'mean', 'none', 'float', 'contiguous', 'a,b->c', '\0').map(shown);
const dtype = fc.constantFrom('float32', 'int64', 'bfloat16', 'bool', 'banana', 'float64').map(shown);
const device = fc.constantFrom('cpu', 'meta', 'cuda:7', 'cpu:-1', 'x').map(shown);
const nothing = fc.constantFrom(undefined, null).map(shownNumber);
const list = (item, length) =>
  fc
    .array(item, length ? { minLength: length, maxLength: length } : { maxLength: 4 })
    .map((items) => ({ name: `[${items.map((i) => i.name).join(', ')}]`, value: items.map((i) => i.value) }));

/** Arguments for a schema's types out of these tensors: mostly of the right kinds, whatever else is wrong with them. */
function argumentsFor(types, tensors) {
  const anyTensor = named(tensors);
  const anything = fc.oneof(anyTensor, number, integer, flag, text, nothing, named(junk), list(anyTensor), list(integer));
  const mostly = (type) => fc.oneof({ weight: 9, arbitrary: ofType(type, anyTensor) }, { weight: 1, arbitrary: anything });
  return fc.oneof(
    { weight: 3, arbitrary: fc.tuple(...types.map(mostly)) },
    { weight: 1, arbitrary: fc.array(anything, { maxLength: types.length + 2 }) },
  );
}

/** Arguments of the right kinds, but for one, or one too many. */
function withJunk(types, tensors) {
  const right = fc.tuple(...types.map((type) => ofType(type, named(tensors))));
  return fc.tuple(right, fc.nat(types.length), named(junk)).map(([args, at, wrong]) => args.toSpliced(at, 1, wrong));
}

function ofType(type, anyTensor) {
  if (type.endsWith('?')) return fc.oneof(nothing, ofType(type.slice(0, -1), anyTensor));
  const [, item, length] = /^(.*)\[(\d*)\]$/.exec(type) ?? [];
  if (item) return list(ofType(item, anyTensor), Number(length));
  if (type === 'Tensor') return anyTensor;
  if (type === 'int' || type === 'SymInt') return integer;
  if (type === 'float' || type === 'Scalar') return number;
  if (type === 'bool') return flag;
  if (type === 'ScalarType') return dtype;
  if (type === 'Device') return device;
  return type === 'str' ? text : nothing;
}

// What `fusedAdamw_` looks at for its operator, which trusts it: tried below.
const trusting = 'aten::_fused_adamw_';
const own = new Set(readFileSync(fileURLToPath(import.meta.resolve('#uafer/engine/ops.js')), 'utf8').match(/aten::[\w.]+/g));
const wanted = { own: (name) => own.has(name) && name !== trusting, all: () => true }[which] ?? ((name) => name === which);
const chosen = operatorsOfHeaders().filter(({ name }) => wanted(name));
const unchanged = makeTensors(); // no call of `all` gets as far as changing one

/** Parameters, gradients, averages twice and steps: mostly as they should be, some of another length, shape, type, layout or place. */
function optimizerLists() {
  const tensors = scope(makeTensors);
  const { x, double, half, bool, nan, expanded, sparse, meta, complex, disposed, row, scalar } = tensors;
  const columns = ops.transpose(ops.rand([3, 2]), 0, 1);
  const anyOf = (right, others) =>
    fc.oneof({ weight: 12, arbitrary: named(right) }, { weight: 1, arbitrary: named(others) });
  const rows = { x, nan };
  const parameter = anyOf(rows, { double, half, bool, expanded, columns, sparse, meta, complex, disposed, row });
  const gradient = anyOf({ ...rows, expanded, columns }, { double, half, bool, sparse, meta, complex, disposed, row });
  const step = anyOf({ scalar }, { x, doubleScalar: ops.toDtype(scalar, 'float64'), meta, disposed });
  const length = fc.oneof({ weight: 12, arbitrary: fc.constant(2) }, { weight: 1, arbitrary: fc.nat(3) });
  const listOf = (item) => length.chain((count) => list(item, count));
  return fc.tuple(...[parameter, gradient, parameter, parameter, step].map(listOf));
}

/** A test of `attempt` on arguments that notes the call before it, and counts and judges how it ends. */
function tried(name, attempt, mustFail = false) {
  return (args) => {
    const line = `${name}(${args.map((a) => a.name).join(', ')})`;
    writeSync(lastCall, line.padEnd(2000), 0);
    tally.calls += 1;
    try {
      attempt(args.map((a) => a.value));
      if (mustFail) tally.wrong.push(`${line}: no error`);
    } catch (error) {
      tally.failures += 1;
      if (!(error instanceof UaferError && error.code === 'OPERATOR')) tally.wrong.push(`${line}: ${error}`);
    }
  };
}

const tally = { operators: chosen.length, calls: 0, failures: 0, wrong: [] };
for (const { name, types } of chosen) {
  const call = unsafeOperator(name);
  const tensors = which === 'all' ? unchanged : scope(makeTensors);
  const given = which === 'all' ? withJunk(types, tensors) : argumentsFor(types, tensors);
  const attempt = (args) => noGrad(() => scope(() => void call(...args)));
  fc.assert(fc.property(given, tried(name, attempt, which === 'all')), { seed: Number(seed), numRuns: Number(rounds) });
}
if (which === 'own') {
  const attempt = (lists) => {
    const options = { lr: 1, beta1: 0.9, beta2: 0.99, weightDecay: 0, eps: 1e-8 };
    noGrad(() => scope(() => ops.fusedAdamw_(...lists, options)));
  };
  fc.assert(fc.property(optimizerLists(), tried('fusedAdamw_', attempt)), { seed: Number(seed), numRuns: 10 * Number(rounds) });
}
console.log(JSON.stringify(tally));
process.exit(0);
