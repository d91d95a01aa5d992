import { execFileSync } from 'node:child_process';

/** What each of two machines is called by the other. */
export const ADDRESSES = ['10.77.0.1', '10.77.0.2'] as const;

/**
 * A shell command that has two network namespaces joined by a cable, as two machines are, and runs `first` in one and `second` in the other. Both are
 * gone with it. Its exit status is 0 where both have succeeded.
 */
export function onTwoMachines(first: string, second: string): { command: string; args: string[] } {
  const [here, there] = ADDRESSES;
  const script = `
    mount -t tmpfs tmpfs /run && ip netns add other && ip link add cable type veth peer name end &&
    ip link set end netns other && ip addr add ${here}/24 dev cable && ip link set cable up && ip link set lo up &&
    ip netns exec other ip addr add ${there}/24 dev end && ip netns exec other ip link set end up &&
    ip netns exec other ip link set lo up || exit 99
    ip netns exec other sh -c "$2" & other=$!
    sh -c "$1"; status=$?
    wait $other && exit $status`;
  return { command: 'unshare', args: ['--map-root-user', '--net', '--mount', 'sh', '-c', script, 'sh', first, second] };
}

/** Whether this system lets its user have them (Linux with iproute2 and user namespaces). */
export function hasTwoMachines(): boolean {
  const { command, args } = onTwoMachines('true', 'true');
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
