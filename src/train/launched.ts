/** How this process was started to train together with others: by torchrun or Kubeflow, by srun, or by `uafer train --nproc`. */
import { UaferError } from '../errors.js';

/** One of several processes that train together. */
export interface Launch {
  /** Of this process among all, from 0; 0 leads. */
  rank: number;
  /** Processes in all. */
  size: number;
  /** Of this process on its machine, from 0: which GPU is its own. */
  localRank: number;
  /** Where the leading process, or what started it, keeps the store. */
  host: string;
  port: number;
  /** Whether the starter keeps the store (torchrun). */
  storeIsKept: boolean;
  /** Parts what processes of one store write in one start from what they wrote in another. */
  prefix: string;
  /** Gloo's network interface, where not empty. */
  networkInterface: string;
  /** Seconds until a process that doesn't answer counts as lost. */
  timeoutSeconds: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** torchrun's own. */
const DEFAULT_PORT = 29500;
/** Jobs that share a machine get ports of their own. */
const SLURM_PORTS = 10_000;

/**
 * What the environment says of the processes that this one belongs to; null where it was started alone. Read are RANK, WORLD_SIZE,
 * LOCAL_RANK, MASTER_ADDR and MASTER_PORT (torchrun, Kubeflow's PyTorchJob), else what srun sets for the tasks of a step
 * (SLURM_PROCID, SLURM_STEP_NUM_TASKS, SLURM_LOCALID, SLURM_STEP_NODELIST). Throws `USAGE` naming the variable that is missing or wrong.
 */
export function launchedBy(environment: Environment, timeoutSeconds: number): Launch | null {
  const common = { networkInterface: environment.GLOO_SOCKET_IFNAME ?? '', timeoutSeconds };
  if (environment.WORLD_SIZE !== undefined || environment.RANK !== undefined) {
    const launch = byTorchrun(environment);
    return launch && { ...launch, ...common };
  }
  if (Number(environment.SLURM_STEP_NUM_TASKS ?? 1) > 1) return { ...bySrun(environment), ...common };
  return null;
}

type Found = Omit<Launch, 'networkInterface' | 'timeoutSeconds'>;

function byTorchrun(environment: Environment): Found | null {
  const size = wholeNumber(environment, 'WORLD_SIZE', 1);
  const rank = wholeNumber(environment, 'RANK', 0, size - 1, `WORLD_SIZE is ${size}`);
  if (size === 1) return null;
  const restarts = environment.TORCHELASTIC_RESTART_COUNT ?? '0';
  return {
    rank,
    size,
    localRank: environment.LOCAL_RANK === undefined ? 0 : wholeNumber(environment, 'LOCAL_RANK', 0),
    host: named(environment, 'MASTER_ADDR'),
    port: wholeNumber(environment, 'MASTER_PORT', 1, 65_535),
    storeIsKept: environment.TORCHELASTIC_USE_AGENT_STORE === 'True',
    prefix: `uafer/${environment.TORCHELASTIC_RUN_ID ?? ''}/${restarts}`,
  };
}

function bySrun(environment: Environment): Found {
  const size = wholeNumber(environment, 'SLURM_STEP_NUM_TASKS', 1);
  const job = environment.SLURM_JOB_ID === undefined ? 0 : wholeNumber(environment, 'SLURM_JOB_ID', 0);
  const step = Number(environment.SLURM_STEP_ID ?? 0);
  return {
    rank: wholeNumber(environment, 'SLURM_PROCID', 0, size - 1, `the step has ${size} tasks`),
    size,
    localRank: wholeNumber(environment, 'SLURM_LOCALID', 0),
    host: environment.MASTER_ADDR ?? firstHost(environment.SLURM_STEP_NODELIST ?? named(environment, 'SLURM_JOB_NODELIST')),
    port:
      environment.MASTER_PORT === undefined
        ? DEFAULT_PORT + ((job + step) % SLURM_PORTS)
        : wholeNumber(environment, 'MASTER_PORT', 1, 65_535),
    storeIsKept: false,
    prefix: 'uafer',
  };
}

/** The first machine of Slurm's short form: `gpu[03-05,9],login` is gpu03 and others. */
function firstHost(list: string): string {
  const found = /^([^[,]*)(?:\[([^\],-]+)[^\]]*\]([^,]*))?/.exec(list.trim());
  const [, name = '', first = '', rest = ''] = found ?? [];
  return name + first + rest;
}

function named(environment: Environment, name: string): string {
  const value = environment[name]?.trim();
  if (value) return value;
  throw new UaferError(
    'USAGE',
    `${name} is not set, but RANK, WORLD_SIZE or SLURM_PROCID say that this is one of several processes. Start them with torchrun, srun, ` +
      'or on one machine with --nproc; to train in one process, unset these variables.',
  );
}

function wholeNumber(environment: Environment, name: string, min: number, max = Number.MAX_SAFE_INTEGER, why = ''): number {
  const text = named(environment, name);
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new UaferError(
    'USAGE',
    `${name} is ${JSON.stringify(text)}: expected a whole number ${bounds}${why ? ` (${why})` : ''}.`,
  );
}
