/** Several processes through the real command, beside one process with the same whole batch. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Tensor, toArray } from '#uafer/engine/index.js';
import { readCheckpoint, readCheckpointState } from '#uafer/run/checkpoint.js';
import { readRunLog } from '#uafer/run/runLog.js';
import { main, type Outcome, uafer } from '../cli/run.js';
import { fixture } from '../support/fixtures.js';
import { writeClassFolders } from '../support/madeUpPictures.js';
import { freePort } from '../support/ports.js';
import { missingModules } from '../support/python.js';
import { SMALL_PRETRAINING } from '../support/smallPretraining.js';
import { ADDRESSES, hasTwoMachines, onTwoMachines } from '../support/twoMachines.js';

/* 26 pictures in batches of 8: the last batch has 2, and of four processes two have none of it. */
const PICTURES = { train: 26, test: 9, size: 16 };

const SMALL = {
  ...SMALL_PRETRAINING,
  optimizer: { epochs: 2, warmupEpochs: 1, batchSize: 8, testBatchSize: 4, ema: 0.9, clipGrad: 1 },
};

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-together-'));
  await writeClassFolders(join(folder, 'pictures'), PICTURES);
  writeFileSync(join(folder, 'small.yaml'), stringify(SMALL));
  cpSync(fixture('tiny2h_clip.safetensors'), join(folder, 'clip.safetensors'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SMALL_ARGS = ['train', '--recipe', 'small-clip', '--config', 'small.yaml', '--quiet'];
const PAPER_ARGS = [
  ...['train', '--recipe', 'released', '--clip-path', 'clip.safetensors', '--dataset', 'folder', '--data-path', 'pictures'],
  ...['--device', 'cpu', '--threads', '1', '--workers', '0', '--topk', '4', '--batch-size', '8', '--test-batch-size', '4'],
  ...['--epochs', '2', '--warmup-epochs', '0', '--lr', '0.001', '--log-every', '1', '--center-crop', '--quiet'],
];

async function run(...args: string[]): Promise<Outcome> {
  const outcome = await uafer(args, { cwd: folder });
  expect(outcome, `${args.join(' ')}\n${outcome.stderr}`).toMatchObject({ code: 0 });
  return outcome;
}

/** Rounding in single precision, over the few steps of these runs. */
const LOSS = 1e-5;

const stepsOf = (out: string) => readRunLog(join(folder, out, 'log.jsonl')).filter(({ kind }) => kind === 'step');
const metricsOf = (out: string) => JSON.parse(readFileSync(join(folder, out, 'metrics.json'), 'utf8'));
const predictionsOf = (out: string) => JSON.parse(readFileSync(join(folder, out, 'test-predictions.json'), 'utf8')).rows;

/** Losses with all their parts, metrics and every answer of two runs are equal but for rounding. */
function expectSame(out: string, whole: string): void {
  const [own, other] = [stepsOf(out), stepsOf(whole)];
  expect(own.length).toBe(other.length);
  for (const [i, { images_per_s: _, ...line }] of own.entries()) {
    const expected = other[i] as unknown as Record<string, unknown>;
    for (const [key, value] of Object.entries(line)) {
      if (typeof value !== 'number') continue;
      const other = expected[key] as number;
      // What is equal of the gradients' norm, a root of a sum of many squares, is its first digits.
      const tolerance = key === 'grad_norm' ? 10 * LOSS * Math.max(1, other) : LOSS;
      expect(Math.abs(value - other), `step ${i + 1}: ${key} is ${value}, ${other} in one process`).toBeLessThan(tolerance);
    }
  }
  const [mine, theirs] = [metricsOf(out), metricsOf(whole)];
  for (const [key, value] of Object.entries(theirs)) {
    if (typeof value === 'number') expect(mine[key], key).toBeCloseTo(value, 4);
    else expect(mine[key], key).toEqual(value);
  }
  const [rows, expectedRows] = [predictionsOf(out), predictionsOf(whole)];
  expect(rows.map(({ file }: { file: string }) => file)).toEqual(expectedRows.map(({ file }: { file: string }) => file));
  for (const [i, { probabilities }] of rows.entries())
    for (const [c, p] of probabilities.entries()) expect(Math.abs(p - expectedRows[i].probabilities[c])).toBeLessThan(1e-4);
}

describe('two and four processes train what one does', () => {
  const variants: [string, string[], string[]][] = [
    ['a stem with batch normalisation, moving averages, clipping, strong augmentation', SMALL_ARGS, ['2', '4']],
    ['accumulated batches', [...SMALL_ARGS, '--accumulate', '3'], ['4']],
    ['the paper’s evidential loss with distillation', PAPER_ARGS, ['2']],
    ['gradient checkpointing, whose backward comes in parts', [...PAPER_ARGS, '--gradient-checkpointing'], ['2']],
    ['AvU', [...PAPER_ARGS, '--edl-type', 'log', '--with-avu', '--lr', '0.0001'], ['3']],
    ['the balanced loss, which weighs by the whole batch', [...PAPER_ARGS, '--loss-function', 'balanced'], ['4']],
    ['mixup, whose pairs are of the whole batch', [...PAPER_ARGS, '--loss-function', 'ce', '--mixup', '0.4'], ['4']],
    [
      'the likelihood of votes, drawn with replacement',
      [...PAPER_ARGS, '--loss-function', 'dm', '--sampler', 'imbalanced'],
      ['2'],
    ],
  ];
  it.each(variants)('with %s', async (name, args, sizes) => {
    const out = name.replaceAll(/\W+/g, '-');
    await run(...args, '--out', `${out}-1`);
    for (const size of sizes) {
      await run(...args, '--out', `${out}-${size}`, '--nproc', size);
      expectSame(`${out}-${size}`, `${out}-1`);
    }
  });

  it('in bf16 as nearly as that can tell', async () => {
    const args = [...SMALL_ARGS, '--precision', 'bf16', '--epochs', '1', '--lr', '0.00001'];
    await run(...args, '--out', 'bf16-1');
    await run(...args, '--out', 'bf16-2', '--nproc', '2');
    const [own, whole] = [stepsOf('bf16-2'), stepsOf('bf16-1')];
    expect(own.length).toBeGreaterThan(2);
    // Eight bits of fraction; the rate is so low that what AdamW makes of differences stays small.
    for (const [i, { loss }] of own.entries()) expect(Math.abs(loss / (whole[i]?.loss as number) - 1)).toBeLessThan(0.02);
  });

  it('with pictures that cannot be read, for which the same others step in', async () => {
    cpSync(join(folder, 'pictures'), join(folder, 'spoilt'), { recursive: true });
    for (const broken of ['train/happy/3.png', 'train/happy/9.png', 'test/happy/3.png']) {
      // The header stays whole, so that it is only found out when the picture is decoded.
      truncateSync(join(folder, 'spoilt', broken), 60);
    }
    const args = [...SMALL_ARGS, '--data-path', 'spoilt', '--allow-unreadable'];
    await run(...args, '--out', 'spoilt-1');
    await run(...args, '--out', 'spoilt-3', '--nproc', '3');
    expectSame('spoilt-3', 'spoilt-1');
    expect(metricsOf('spoilt-3').unreadable).toBe(1);
  });
});

describe('a run of several processes', () => {
  const sameTensors = (own: Record<string, Tensor>, other: Record<string, Tensor>) => {
    for (const [name, values] of Object.entries(other)) expect(toArray(own[name] as Tensor), name).toEqual(toArray(values));
  };
  const last = (out: string) => readCheckpoint(join(folder, out, 'checkpoints', 'last'));

  beforeAll(() => run(...SMALL_ARGS, '--out', 'whole', '--nproc', '2').then(() => {}));

  it('says what each process gets, and tells of the run once', async () => {
    const args = SMALL_ARGS.filter((arg) => arg !== '--quiet');
    const { stderr } = await run(...args, '--out', 'told', '--nproc', '3', '--max-steps', '2');
    expect(stderr).toContain('3 processes train together: of each batch of 8 pictures a process takes 2 to 3 pictures.');
    expect(stderr.match(/Training 2 epochs/g)).toHaveLength(1);
  });

  it('goes on after an interruption to the same bits', async () => {
    await run(...SMALL_ARGS, '--out', 'parts', '--nproc', '2', '--max-steps', '3');
    await run('train', '--resume', 'parts', '--max-steps', '0', '--nproc', '2', '--quiet');
    using own = last('parts');
    using other = last('whole');
    sameTensors(own.model, other.model);
    sameTensors(own.optimizer, other.optimizer);
    sameTensors(own.ema ?? {}, other.ema ?? {});
  });

  it.each(['1', '3'])('goes on with %s processes to the same numbers', async (size) => {
    await run(...SMALL_ARGS, '--out', `other-${size}`, '--nproc', '2', '--max-steps', '3');
    await run('train', '--resume', `other-${size}`, '--max-steps', '0', '--nproc', size, '--quiet');
    expectSame(`other-${size}`, 'whole');
  });

  it.each([
    ['one that follows', 1],
    ['the one that leads', 0],
  ])('whose process is killed, %s, ends with an error, and goes on to the same bits', async (_, rank) => {
    const out = `killed-${rank}`;
    const child = start(SMALL_ARGS, '--out', out, '--nproc', '2', '--process-timeout', '30');
    await untilStep(child, out, 3);
    const began = performance.now();
    process.kill(childOf(child, rank), 'SIGKILL');
    const [code] = await once(child, 'exit');
    expect(code).toBe(1);
    expect((performance.now() - began) / 1000).toBeLessThan(30);
    expect(child.output.join('')).toMatch(rank === 1 ? /rank 1 of 2 \(.*, process \d+\) was lost/ : /rank 0 at .* was lost/);
    await run('train', '--resume', out, '--nproc', '2', '--quiet');
    using own = last(out);
    using other = last('whole');
    sameTensors(own.model, other.model);
  });

  it('ends at Ctrl-C with a checkpoint, once for all of them', async () => {
    const args = SMALL_ARGS.filter((arg) => arg !== '--quiet');
    const child = start(args, '--out', 'stopped', '--nproc', '2');
    await untilStep(child, 'stopped', 3);
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    expect(code, child.output.join('')).toBe(130);
    expect(child.output.join('').match(/Stopped after/g)).toHaveLength(1);
    await run('train', '--resume', 'stopped', '--nproc', '2', '--quiet');
    using own = last('stopped');
    using other = last('whole');
    sameTensors(own.model, other.model);
  });
});

describe.skipIf(!hasTwoMachines())('between two machines', () => {
  const PORT = 29_400;
  /** The command of one of two ranks, for a shell. */
  const rank = (each: number, out: string, ...args: string[]) => {
    const variables = `RANK=${each} WORLD_SIZE=2 MASTER_ADDR=${ADDRESSES[0]} MASTER_PORT=${PORT}`;
    return `${variables} exec ${[process.execPath, main, ...SMALL_ARGS, '--out', out, ...args].map((word) => `'${word}'`).join(' ')}`;
  };
  const startBoth = (first: string, second: string) => {
    const { command, args } = onTwoMachines(first, second);
    return startProgram(command, args);
  };

  it('two processes train what one does', async () => {
    await run(...SMALL_ARGS, '--out', 'one-machine');
    const both = startBoth(rank(0, 'two-machines'), rank(1, 'two-machines'));
    const [code] = await once(both, 'exit');
    expect(code, both.output.join('')).toBe(0);
    expectSame('two-machines', 'one-machine');
  });

  it('a cable that is cut ends both within the time-out, and the run goes on to the same numbers', async () => {
    const seconds = 5;
    const args = ['--process-timeout', `${seconds}`, '--epochs', '200'];
    const cut = `(for i in $(seq 600); do [ -e cut ] && break; sleep 0.1; done; ip link set cable down) & ${rank(0, 'cut-off', ...args)}`;
    const other = `${rank(1, 'cut-off', ...args).replace(' exec ', ' ')}; echo "the other ended with $?" >&2; exit 0`;
    const both = startBoth(cut, other);
    await untilStep(both, 'cut-off', 3);
    writeFileSync(join(folder, 'cut'), '');
    const began = performance.now();
    const [code] = await once(both, 'exit');
    // The end of a process takes its own few seconds.
    expect((performance.now() - began) / 1000).toBeLessThan(seconds + 15);
    const told = both.output.join('');
    expect(code, told).toBe(1);
    expect(told).toMatch(/the other ended with 1\n/);
    expect(told).toMatch(/rank 1 of 2 .* was lost|no answer within the time-out|does not answer/);
    const reached = readCheckpointState(join(folder, 'cut-off/checkpoints/last')).globalStep;
    await run('train', '--resume', 'cut-off', '--max-steps', `${reached + 2}`, '--quiet');
    expect(readCheckpointState(join(folder, 'cut-off/checkpoints/last')).globalStep).toBe(reached + 2);
  });
});

interface Started extends ChildProcess {
  output: string[];
}

function start(args: readonly string[], ...more: string[]): Started {
  return startProgram(process.execPath, [main, ...args, ...more]);
}

function startProgram(command: string, args: readonly string[]): Started {
  const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => output.push(String(chunk)));
  return Object.assign(child, { output });
}

async function untilStep(child: Started, out: string, step: number): Promise<void> {
  for (;;) {
    expect(child.exitCode, child.output.join('')).toBeNull();
    try {
      if (readCheckpointState(join(folder, out, 'checkpoints', 'last')).globalStep >= step) return;
    } catch {
      // No checkpoint yet, or between two of them.
    }
    await sleep(5);
  }
}

/** The process of a rank that `--nproc` started. */
function childOf(parent: Started, rank: number): number {
  const pids = execFileSync('pgrep', ['-P', String(parent.pid)], { encoding: 'utf8' })
    .trim()
    .split('\n');
  const found = pids.find((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`RANK=${rank}`));
  return Number(found);
}

describe('processes that would not train the same', () => {
  /** Starts processes as torchrun does, each with arguments and variables of its own. */
  async function together(each: { args: string[]; env?: Record<string, string> }[]): Promise<Outcome[]> {
    const port = String(await freePort());
    return Promise.all(
      each.map(({ args, env }, rank) =>
        uafer(args, {
          cwd: folder,
          env: { RANK: `${rank}`, WORLD_SIZE: `${each.length}`, MASTER_ADDR: '127.0.0.1', MASTER_PORT: port, ...env },
        }),
      ),
    );
  }
  const small = (out: string, ...args: string[]) => [...SMALL_ARGS, '--out', out, '--process-timeout', '30', ...args];
  /** For those that wait for one that does not come. */
  const impatient = (out: string) => [...SMALL_ARGS, '--out', out, '--process-timeout', '3'];

  it('train, started one by one', async () => {
    const outcomes = await together([{ args: small('by-hand') }, { args: small('by-hand') }]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ code: 0, stderr: '', stdout: '' });
    expect(metricsOf('by-hand')).toBeTruthy();
  });

  it.each([
    ['settings', ['--lr', '0.5'], {}, /optimizer\.lr: rank 1 of 2 \(.*\) has 0\.5, rank 0 has 0\.001/],
    ['numbers of processes', [], { WORLD_SIZE: '3' }, /WORLD_SIZE: rank 1 of 2 \(.*\) has 3, rank 0 has 2/],
    ['data', ['--data-path', 'others'], {}, /training pictures: rank 1 of 2 \(.*\) has "25 \(list \w+\)", rank 0 has "26 /],
  ] as const)('with other %s are told so by rank 0, and nothing is written', async (what, args, env, message) => {
    if (!existsSync(join(folder, 'others'))) {
      cpSync(join(folder, 'pictures'), join(folder, 'others'), { recursive: true });
      rmSync(join(folder, 'others/train/happy/3.png'));
    }
    const out = `other-${what.replaceAll(' ', '-')}`;
    const [first, second] = await together([{ args: small(out) }, { args: small(out, ...args), env: { ...env } }]);
    expect(first?.code).toBe(2);
    expect(first?.stderr).toMatch(message);
    expect(second?.code).not.toBe(0);
    expect(existsSync(join(folder, out))).toBe(false);
  });

  it('with other weights are told so', async () => {
    await run(...SMALL_ARGS, '--out', 'weights', '--max-steps', '1');
    const clip = ['--clip-path', 'weights/checkpoints/last/model.safetensors'];
    cpSync(join(folder, 'weights'), join(folder, 'weights2'), { recursive: true });
    await run('train', '--resume', 'weights2', '--max-steps', '2', '--quiet');
    const other = ['--clip-path', 'weights2/checkpoints/last/model.safetensors'];
    const [first, second] = await together([{ args: small('w', ...clip) }, { args: small('w', ...other) }]);
    expect(first).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/weights: rank 1 of 2 \(.*\) has "\w+", rank 0 has/),
    });
    expect(second?.code).toBe(2);
  });

  it('when one fails, its reason is told by rank 0', async () => {
    const [first, second] = await together([{ args: small('failing') }, { args: small('failing', '--data-path', 'nowhere') }]);
    expect(second?.stderr).toContain('nowhere');
    expect(first?.code).not.toBe(0);
    expect(first?.stderr).toMatch(/Rank 1 of 2 on .* failed: .*nowhere/s);
  });

  it('when one never comes, rank 0 says which within the time-out', async () => {
    const port = String(await freePort());
    const env = { RANK: '0', WORLD_SIZE: '3', MASTER_ADDR: '127.0.0.1', MASTER_PORT: port };
    const { code, stderr } = await uafer(impatient('absent'), { cwd: folder, env });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/Ranks 1, 2 of 3 have not come within 3 s/) });
  });

  it('when rank 0 is not there, the others say where they looked', async () => {
    const port = String(await freePort());
    const env = { RANK: '1', WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: port };
    const { code, stderr } = await uafer(impatient('leaderless'), { cwd: folder, env });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining(`Rank 1 of 2 found no rank 0 at 127.0.0.1:${port}`),
    });
  });

  it('when the port is in use, say so', async () => {
    const server = createServer().listen(0);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const env = { RANK: '0', WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(port) };
    const { code, stderr } = await uafer(small('port'), { cwd: folder, env });
    server.close();
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/port \d+ of this machine .* is in use/) });
  });

  it('when two are of the same rank, say so', async () => {
    const outcomes = await together([
      { args: small('twice') },
      { args: small('twice') },
      { args: small('twice'), env: { RANK: '1' } },
    ]);
    expect(outcomes.map(({ stderr }) => stderr).join('')).toContain('Two processes say that they are rank 1');
    for (const { code } of outcomes) expect(code).not.toBe(0);
  });

  it.each([
    ['--nproc', '0'],
    ['--process-timeout', '0'],
  ])('of %s %s are refused', async (option, value) => {
    const { code, stderr } = await uafer([...SMALL_ARGS, '--out', 'none', option, value], { cwd: folder });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining(`${option}: expected a whole number of at least 1`),
    });
  });

  it('with a batch too small for all are refused', async () => {
    const { code, stderr } = await uafer([...SMALL_ARGS, '--batch-size', '2', '--nproc', '3', '--out', 'few'], { cwd: folder });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('--batch-size 2 is that of all 3 processes together'),
    });
  });
});

const skipped = missingModules('torch.distributed.run');

describe('torchrun', () => {
  it.skipIf(skipped)('starts the processes, and keeps their store', async () => {
    const torchrun = ['-m', 'torch.distributed.run', '--no-python', '--nproc-per-node', '2'];
    const args = [
      ...torchrun,
      '--master-port',
      String(await freePort()),
      process.execPath,
      main,
      ...SMALL_ARGS,
      '--out',
      'torchrun',
    ];
    execFileSync(process.env.PYTHON as string, args, { cwd: folder, stdio: 'pipe' });
    await run(...SMALL_ARGS, '--out', 'torchrun-1');
    expectSame('torchrun', 'torchrun-1');
    expect(readdirSync(join(folder, 'torchrun'))).toContain('report.html');
  });
});
