import { native } from './native.js';

/** An operator of libtorch in a profile. */
export interface OperatorTime {
  name: string;
  calls: number;
  /** Its own, without that of the operators that it called. */
  seconds: number;
}

/**
 * Runs `block`, and says what this thread's operators took meanwhile, backward's included where the device is the CPU; the longest first. On a
 * GPU an operator's time is that of starting it. Throws `OPERATOR` inside of another profile.
 */
export async function profiled(block: () => Promise<void> | void): Promise<OperatorTime[]> {
  native().beginProfile();
  let operators: [string, number, number][] = [];
  try {
    await block();
  } finally {
    operators = native().endProfile();
  }
  return operators.map(([name, calls, seconds]) => ({ name, calls, seconds })).sort((a, b) => b.seconds - a.seconds);
}
