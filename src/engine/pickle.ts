/** A class or function that a pickle names. It is never looked up, let alone called. */
export interface PickleGlobal {
  kind: 'global';
  name: string;
}

/** What a pickle would have made by calling `callable`, with what it would have set on the result. */
export interface PickleCall {
  kind: 'call';
  callable: Pickled;
  args: Pickled[];
}

/** What the pickle refers to by an id of its writer's (PyTorch: a storage). */
export interface PickleReference {
  kind: 'reference';
  id: Pickled;
}

export type Pickled =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Pickled[]
  | Map<Pickled, Pickled>
  | PickleGlobal
  | PickleCall
  | PickleReference;

const MARK = Symbol('mark');
type Slot = Pickled | typeof MARK;

/** State of one reading: bytes, position, stack and memo. */
interface Reading {
  bytes: Buffer;
  at: number;
  stack: Slot[];
  memo: Map<number, Slot>;
}

const ORDERED_DICT = 'collections.OrderedDict';

/**
 * Reads a pickle (protocols 2 to 5) into plain data: nothing is imported or run. Dictionaries (`OrderedDict` too) become Maps,
 * tuples, lists and sets arrays. Throws an `Error` that says what is wrong.
 */
export function readPickle(bytes: Buffer): Pickled {
  const reading: Reading = { bytes, at: 0, stack: [], memo: new Map() };
  for (;;) {
    const code = u8(reading);
    if (code === STOP) return pop(reading);
    const act = OPCODES.get(code);
    if (!act)
      throw new Error(`byte ${reading.at - 1} of its pickle (0x${code.toString(16)}) is not an instruction that is understood`);
    act(reading);
  }
}

const STOP = '.'.charCodeAt(0);

const push = (reading: Reading, value: Slot): void => void reading.stack.push(value);

function pop(reading: Reading): Pickled {
  const value = reading.stack.pop();
  if (value === undefined || value === MARK) throw new Error('its pickle takes from an empty stack');
  return value;
}

function popToMark(reading: Reading): Pickled[] {
  const mark = reading.stack.lastIndexOf(MARK);
  if (mark < 0) throw new Error('its pickle lacks a mark');
  const items = reading.stack.splice(mark).slice(1);
  return items as Pickled[];
}

function top<T extends Pickled>(reading: Reading, is: (value: Slot | undefined) => value is T, what: string): T {
  const value = reading.stack.at(-1);
  if (!is(value)) throw new Error(`its pickle adds to what is not ${what}`);
  return value;
}

const isList = (value: Slot | undefined): value is Pickled[] => Array.isArray(value);
const isMap = (value: Slot | undefined): value is Map<Pickled, Pickled> => value instanceof Map;

function take(reading: Reading, length: number): Buffer {
  const end = reading.at + length;
  if (end > reading.bytes.length) throw new Error('its pickle ends too early');
  const taken = reading.bytes.subarray(reading.at, end);
  reading.at = end;
  return taken;
}

const u8 = (reading: Reading) => take(reading, 1).readUInt8(0);
const u16 = (reading: Reading) => take(reading, 2).readUInt16LE(0);
const u32 = (reading: Reading) => take(reading, 4).readUInt32LE(0);
const u64 = (reading: Reading) => Number(take(reading, 8).readBigUInt64LE(0));
const text = (reading: Reading, length: number) => take(reading, length).toString('utf8');

function line(reading: Reading): string {
  const end = reading.bytes.indexOf('\n', reading.at);
  if (end < 0) throw new Error('its pickle ends too early');
  const read = text(reading, end - reading.at);
  reading.at += 1;
  return read;
}

/** Little-endian two's complement of any length; a number where it is exact. */
function wholeNumber(bytes: Buffer): number | bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  if (bytes.length > 0) value = BigInt.asIntN(8 * bytes.length, value);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function setItems(map: Map<Pickled, Pickled>, items: readonly Pickled[]): void {
  if (items.length % 2 > 0) throw new Error('its pickle has a key without a value');
  for (let i = 0; i < items.length; i += 2) map.set(items[i] as Pickled, items[i + 1] as Pickled);
}

function call(callable: Pickled, args: Pickled): Pickled {
  if (!Array.isArray(args)) throw new Error('its pickle calls with what is not a tuple');
  const isDict = isGlobal(callable) && callable.name === ORDERED_DICT;
  if (!isDict) return { kind: 'call', callable, args };
  const pairs = (args[0] ?? []) as Pickled;
  return new Map(Array.isArray(pairs) ? (pairs.filter(isList) as unknown as [Pickled, Pickled][]) : []);
}

/** Whether a value is a class or function by name. */
export function isGlobal(value: Pickled | undefined): value is PickleGlobal {
  return hasKind(value, 'global');
}

/** Whether a value is the unmade result of a call. */
export function isCall(value: Pickled | undefined): value is PickleCall {
  return hasKind(value, 'call');
}

/** Whether a value is a reference by its writer's id. */
export function isReference(value: Pickled | undefined): value is PickleReference {
  return hasKind(value, 'reference');
}

function hasKind(value: Pickled | undefined, kind: string): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

function recall(reading: Reading, index: number): void {
  const value = reading.memo.get(index);
  if (value === undefined) throw new Error('its pickle recalls what it has not stored');
  push(reading, value);
}

function remember(reading: Reading, index: number): void {
  const value = reading.stack.at(-1);
  if (value === undefined) throw new Error('its pickle stores from an empty stack');
  reading.memo.set(index, value);
}

function popMany(reading: Reading, count: number): Pickled[] {
  return Array.from({ length: count }, () => pop(reading)).reverse();
}

type Act = (reading: Reading) => void;
const constant =
  (make: () => Slot): Act =>
  (reading) =>
    push(reading, make());
const value =
  (read: (reading: Reading) => Slot): Act =>
  (reading) =>
    push(reading, read(reading));
const tuple = (count: number): Act => value((reading) => popMany(reading, count));
const twice =
  (act: (reading: Reading, first: Pickled, second: Pickled) => Slot): Act =>
  (reading) => {
    const [first, second] = popMany(reading, 2) as [Pickled, Pickled];
    push(reading, act(reading, first, second));
  };

/** The instructions of pickle's protocols that PyTorch writes, and their relatives; see Python's `pickletools`. */
const OPCODES: ReadonlyMap<number, Act> = new Map<number, Act>(
  (
    [
      [0x80, (reading) => void u8(reading)], // PROTO
      [0x95, (reading) => void u64(reading)], // FRAME
      ['(', constant(() => MARK)],
      ['0', (reading) => void reading.stack.pop()],
      ['1', (reading) => void popToMark(reading)],
      ['N', constant(() => null)],
      [0x88, constant(() => true)],
      [0x89, constant(() => false)],
      ['J', value((reading) => take(reading, 4).readInt32LE(0))],
      ['K', value(u8)],
      ['M', value(u16)],
      [0x8a, value((reading) => wholeNumber(take(reading, u8(reading))))],
      [0x8b, value((reading) => wholeNumber(take(reading, u32(reading))))],
      ['G', value((reading) => take(reading, 8).readDoubleBE(0))],
      ['X', value((reading) => text(reading, u32(reading)))],
      [0x8c, value((reading) => text(reading, u8(reading)))],
      [0x8d, value((reading) => text(reading, u64(reading)))],
      ['U', value((reading) => text(reading, u8(reading)))],
      ['T', value((reading) => text(reading, u32(reading)))],
      ['C', value((reading) => take(reading, u8(reading)))],
      ['B', value((reading) => take(reading, u32(reading)))],
      [0x8e, value((reading) => take(reading, u64(reading)))],
      [')', constant(() => [])],
      [0x85, tuple(1)],
      [0x86, tuple(2)],
      [0x87, tuple(3)],
      ['t', value(popToMark)],
      [']', constant(() => [])],
      [0x8f, constant(() => [])], // a set
      [0x91, value(popToMark)], // a frozen set
      ['}', constant(() => new Map())],
      [
        'a',
        (reading) => {
          const item = pop(reading);
          top(reading, isList, 'a list').push(item);
        },
      ],
      [
        'e',
        (reading) => {
          const items = popToMark(reading);
          top(reading, isList, 'a list').push(...items);
        },
      ],
      [
        0x90,
        (reading) => {
          const items = popToMark(reading);
          top(reading, isList, 'a set').push(...items);
        },
      ],
      [
        's',
        (reading) => {
          const items = popMany(reading, 2);
          setItems(top(reading, isMap, 'a dictionary'), items);
        },
      ],
      [
        'u',
        (reading) => {
          const items = popToMark(reading);
          setItems(top(reading, isMap, 'a dictionary'), items);
        },
      ],
      ['c', value((reading) => ({ kind: 'global', name: `${line(reading)}.${line(reading)}` }))],
      [0x93, twice((_, module, name) => ({ kind: 'global', name: `${module}.${name}` }))],
      ['R', twice((_, callable, args) => call(callable, args))],
      [0x81, twice((_, made, args) => call(made, args))],
      [
        0x92,
        (reading) => {
          const [made, args] = popMany(reading, 3) as [Pickled, Pickled];
          push(reading, call(made, args));
        },
      ],
      ['b', (reading) => void pop(reading)], // attributes of an object: nothing that is read here has any that matter
      ['Q', value((reading) => ({ kind: 'reference', id: pop(reading) }))],
      ['q', (reading) => remember(reading, u8(reading))],
      ['r', (reading) => remember(reading, u32(reading))],
      [0x94, (reading) => remember(reading, reading.memo.size)],
      ['h', (reading) => recall(reading, u8(reading))],
      ['j', (reading) => recall(reading, u32(reading))],
    ] satisfies [string | number, Act][]
  ).map(([code, act]): [number, Act] => [typeof code === 'string' ? code.charCodeAt(0) : code, act]),
);
