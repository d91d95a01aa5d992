import { describe, expect, it } from 'vitest';
import { launchedBy } from '#uafer/train/launched.js';

const TIMEOUT = 60;
const TORCHRUN = { RANK: '3', WORLD_SIZE: '8', LOCAL_RANK: '1', MASTER_ADDR: 'node1', MASTER_PORT: '29501' };
const SRUN = {
  SLURM_JOB_ID: '123456',
  SLURM_STEP_ID: '2',
  SLURM_PROCID: '5',
  SLURM_LOCALID: '1',
  SLURM_STEP_NUM_TASKS: '8',
  SLURM_STEP_NODELIST: 'gpu[03-05,09],login1',
};

describe('launchedBy', () => {
  it('finds nothing where a process was started alone', () => {
    expect(launchedBy({}, TIMEOUT)).toBeNull();
    expect(launchedBy({ ...TORCHRUN, RANK: '0', WORLD_SIZE: '1' }, TIMEOUT)).toBeNull();
    // A batch script of Slurm without srun, and an interactive shell.
    expect(launchedBy({ SLURM_PROCID: '0', SLURM_NTASKS: '8', SLURM_JOB_NODELIST: 'gpu1' }, TIMEOUT)).toBeNull();
    expect(launchedBy({ ...SRUN, SLURM_STEP_NUM_TASKS: '1' }, TIMEOUT)).toBeNull();
  });

  it('reads what torchrun and PyTorchJob set', () => {
    const found = { rank: 3, size: 8, localRank: 1, host: 'node1', port: 29_501, storeIsKept: false, timeoutSeconds: TIMEOUT };
    expect(launchedBy(TORCHRUN, TIMEOUT)).toMatchObject(found);
    const { LOCAL_RANK: _, ...kubeflow } = TORCHRUN;
    expect(launchedBy({ ...kubeflow, GLOO_SOCKET_IFNAME: 'eth0' }, TIMEOUT)).toMatchObject({
      localRank: 0,
      networkInterface: 'eth0',
    });
    const agent = { TORCHELASTIC_USE_AGENT_STORE: 'True', TORCHELASTIC_RUN_ID: 'job', TORCHELASTIC_RESTART_COUNT: '2' };
    expect(launchedBy({ ...TORCHRUN, ...agent }, TIMEOUT)).toMatchObject({ storeIsKept: true, prefix: 'uafer/job/2' });
  });

  it.each([
    ['gpu[03-05,09],login1', 'gpu03'],
    ['node7', 'node7'],
    ['a1,a2', 'a1'],
    ['rack[2]-gpu,x', 'rack2-gpu'],
    ['n[9,11]', 'n9'],
  ])('reads what srun sets: of %s the first machine is %s', (list, host) => {
    const found = launchedBy({ ...SRUN, SLURM_STEP_NODELIST: list }, TIMEOUT);
    expect(found).toMatchObject({ rank: 5, size: 8, localRank: 1, host, storeIsKept: false });
    // The same for all tasks of a step, and mostly another for another job.
    expect(found?.port).toBe(launchedBy({ ...SRUN, SLURM_PROCID: '0' }, TIMEOUT)?.port);
    expect(found?.port).not.toBe(launchedBy({ ...SRUN, SLURM_JOB_ID: '123457' }, TIMEOUT)?.port);
  });

  it.each([
    [{ ...TORCHRUN, RANK: '8' }, /RANK is "8": expected a whole number from 0 to 7 \(WORLD_SIZE is 8\)/],
    [{ ...TORCHRUN, RANK: 'first' }, /RANK is "first"/],
    [{ ...TORCHRUN, MASTER_PORT: '99999' }, /MASTER_PORT is "99999": expected a whole number from 1 to 65535/],
    [{ ...TORCHRUN, MASTER_ADDR: undefined }, /MASTER_ADDR is not set, but RANK/],
    [{ RANK: '0' }, /WORLD_SIZE is not set/],
    [{ ...SRUN, SLURM_PROCID: '9' }, /SLURM_PROCID is "9": .* \(the step has 8 tasks\)/],
  ])('names the variable that is wrong: %j', (environment, message) => {
    expect(() => launchedBy(environment, TIMEOUT)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }),
    );
  });
});
