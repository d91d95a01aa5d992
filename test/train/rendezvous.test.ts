import { describe, expect, it } from 'vitest';
import type { UaferError } from '#uafer/errors.js';
import { launchedBy } from '#uafer/train/launched.js';
import { type Meeting, meet } from '#uafer/train/rendezvous.js';
import { freePort } from '../support/ports.js';

const never = () => false;

/** What each of two processes makes of a meeting; both are this one, since all of it goes through the store. */
async function both(
  use: (meeting: Meeting, rank: number) => Promise<void>,
  timeoutSeconds = 20,
): Promise<(UaferError | null)[]> {
  const port = String(await freePort());
  const one = async (rank: number): Promise<UaferError | null> => {
    const environment = { RANK: String(rank), WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: port };
    const launch = launchedBy(environment, timeoutSeconds);
    if (!launch) throw new Error('not launched');
    const meeting = await meet(launch, never);
    try {
      await use(meeting, rank);
      return null;
    } catch (error) {
      return (await meeting.failed(error)) as UaferError;
    } finally {
      meeting.close();
    }
  };
  return Promise.all([one(0), one(1)]);
}

describe('processes that meet', () => {
  it('go on when they show the same', async () => {
    const card = { 'version of uafer': '0.2.0', 'optimizer.lr': 0.001, nothing: undefined };
    const found = await both(async (meeting, rank) => {
      await meeting.compare('settings', { ...card });
      // Rank 0 keeps the store: as long as the other one reads there.
      if (rank === 0) await new Promise((resolve) => setTimeout(resolve, 500));
    });
    expect(found).toEqual([null, null]);
  });

  it('are told by rank 0 of everything that differs: another version, a setting that one lacks', async () => {
    const cards = [
      { 'version of uafer': '0.2.0', seed: 1 },
      { 'version of uafer': '0.3.0', seed: 1, 'data.new': true },
    ];
    const [first, second] = await both((meeting, rank) => meeting.compare('settings', cards[rank] as object as never));
    expect(first).toMatchObject({ code: 'USAGE' });
    expect(first?.message).toMatch(/version of uafer: rank 1 of 2 \(.*, process \d+\) has "0\.3\.0", rank 0 has "0\.2\.0"/);
    expect(first?.message).toMatch(/data\.new: rank 1 of 2 .* has true, rank 0 has nothing/);
    expect(first?.message).not.toContain('seed');
    expect(second).toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(/^Rank 0 of 2 on .* failed: .*version of uafer/s),
    });
  });

  it('name the one that does not get ready within the time-out', async () => {
    const [first] = await both(async (meeting, rank) => {
      if (rank === 0) await meeting.compare('content', {});
      else await new Promise((resolve) => setTimeout(resolve, 4000));
    }, 2);
    expect(first).toMatchObject({
      code: 'DISTRIBUTED',
      message: expect.stringMatching(/Rank 1 of 2 has not got ready to train within 2 s/),
    });
  });

  it('pass on what ends one of them', async () => {
    const broken = Object.assign(new Error('x'), {});
    const [first, second] = await both(async (meeting, rank) => {
      if (rank === 1) throw broken;
      await meeting.compare('content', {});
    });
    expect(second).toBe(broken);
    expect(first?.message).toMatch(/^Rank 1 of 2 on .* failed: x$/);
  });
});
