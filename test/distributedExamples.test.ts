/** The examples for clusters as they stand, under stand-ins for what starts processes there. */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readCheckpointState } from '#uafer/run/checkpoint.js';
import { main } from './cli/run.js';
import { fewFaces, writeRafdb } from './support/exampleFaces.js';
import { fixture } from './support/fixtures.js';
import { freePort } from './support/ports.js';
import { missingModules } from './support/python.js';

const example = (name: string) => fileURLToPath(new URL(`../examples/distributed/${name}`, import.meta.url));
const UAFER = `${process.execPath} ${main}`;
/** So small that a run takes seconds. */
const SMALL = [
  '--topk',
  '4',
  '--batch-size',
  '4',
  '--epochs',
  '1',
  '--max-steps',
  '1',
  '--device',
  'cpu',
  '--threads',
  '1',
  '--workers',
  '0',
];
const run = promisify(execFile);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'uafer-clusters-'));
  writeRafdb(join(folder, 'data'), fewFaces(1));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stepsOf = (out: string) => readCheckpointState(join(folder, out, 'checkpoints/last')).globalStep;
const given = (out: string) => [join(folder, 'data'), fixture('tiny2h_clip.safetensors'), join(folder, out)];

describe('slurm.sh', () => {
  it('trains under srun, and goes on when it is submitted again', async () => {
    // What srun does for the tasks of a step, on one machine.
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(
      join(bin, 'srun'),
      `#!/bin/bash
while [[ $1 == --* ]]; do shift; done
export SLURM_JOB_ID=${await freePort()} SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 SLURM_STEP_NODELIST=localhost
for rank in 0 1; do SLURM_PROCID=$rank SLURM_LOCALID=$rank "$@" & tasks+=($!); done
for task in "\${tasks[@]}"; do wait $task || exit 1; done
`,
    );
    chmodSync(join(bin, 'srun'), 0o755);
    const env = { ...process.env, UAFER, PATH: `${bin}${delimiter}${process.env.PATH}` };
    const submit = (...more: string[]) => run('bash', [example('slurm.sh'), ...given('slurm'), ...more], { env });
    const { stderr } = await submit(...SMALL);
    expect(stderr).toContain('2 processes train together');
    expect(stepsOf('slurm')).toBe(1);
    await submit('--max-steps', '2', '--device', 'cpu', '--threads', '1', '--workers', '0');
    expect(stepsOf('slurm')).toBe(2);
  });
});

describe('pytorchjob.yaml', () => {
  it('starts processes that train with what the operator sets', async () => {
    const job = parse(readFileSync(example('pytorchjob.yaml'), 'utf8'), { merge: true });
    const { Master, Worker } = job.spec.pytorchReplicaSpecs;
    expect([Master.replicas, Worker.replicas]).toEqual([1, 3]);
    const [container] = Worker.template.spec.containers;
    const [data, clip, out] = given('kubeflow');
    const own = Object.fromEntries(container.env.map(({ name }: { name: string }) => [name, '']));
    const mine = { ...own, DATA: data, CLIP_WEIGHTS: clip, RUN: out, UAFER };
    const port = String(await freePort());
    const pods = ['0', '1'].map((rank) => {
      const set = { RANK: rank, WORLD_SIZE: '2', MASTER_ADDR: 'localhost', MASTER_PORT: port };
      const [shell, ...flags] = container.command;
      // The manifest's own command, with options that make it small.
      const script = container.args[0].trim().replace(/train "\$\{settings\[@\]\}"$/, `$& ${SMALL.join(' ')}`);
      return run(shell, [...flags, script], { env: { ...process.env, ...mine, ...set } });
    });
    await Promise.all(pods);
    expect(stepsOf('kubeflow')).toBe(1);
  });
});

const skipped = missingModules('torch.distributed.run');

describe('torchrun.sh', () => {
  it.skipIf(skipped)('trains under torchrun', async () => {
    const env = {
      ...process.env,
      UAFER,
      TORCHRUN: `${process.env.PYTHON} -m torch.distributed.run`,
      MASTER_PORT: String(await freePort()),
    };
    execFileSync(example('torchrun.sh'), [...given('torchrun'), ...SMALL], { env, stdio: 'pipe' });
    expect(stepsOf('torchrun')).toBe(1);
  });
});
