import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packagePath } from '#uafer/paths.js';
import { temporaryFolder } from '../support/pictures.js';
import { missingModules, python } from '../support/python.js';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

/** A checkout whose training makes three steps, says each one, and saves what it had at the end. */
function checkout(name: string): string {
  const path = join(folder.path, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'step.py'), 'RATE = 0.5\n');
  writeFileSync(
    join(path, 'train.py'),
    `
import argparse
import torch
from step import RATE

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--dataset")
    parser.add_argument("--batch-size", type=int)
    options = parser.parse_args()
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([weight], lr=RATE)
    for i in range(3):
        (weight * options.batch_size).sum().backward()
        optimizer.step()
        print("step", i, options.dataset)
    open("finished", "w").write("yes")
`,
  );
  return path;
}

function run(path: string, requests: number) {
  const args = [packagePath('bench', 'reference.py'), path, '--dataset', 'rafdb', '--batch-size', '4'];
  const { status, stdout, stderr } = spawnSync(python, args, { input: 'null\n'.repeat(requests), encoding: 'utf8' });
  return {
    status,
    stderr,
    answers: stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  };
}

const missing = missingModules('torch');
describe.skipIf(missing)(missing ?? 'a checkout of the original', () => {
  it('makes a step for each line that it is sent, with the options and in the folder that are its own, and ends where the lines do', () => {
    const path = checkout('two');
    const { status, stderr, answers } = run(path, 2);
    expect(status).toBe(0);
    expect(answers).toHaveLength(3);
    expect(answers[0].versions).toContain(path);
    for (const { seconds, peakMiB } of answers.slice(1)) {
      expect(seconds).toBeGreaterThan(0);
      expect(peakMiB).toBeGreaterThan(1);
    }
    // Its own lines stay out of the answers, and its second step was its last.
    expect(stderr).toContain('step 0 rafdb');
    expect(stderr).not.toContain('step 1 rafdb');
    expect(existsSync(join(path, 'finished'))).toBe(false);
  });

  it('that ends before enough steps were made is an error, and ran as ever', () => {
    const path = checkout('three');
    const { status, stderr, answers } = run(path, 9);
    expect(status).toBe(1);
    expect(answers).toHaveLength(4);
    expect(stderr).toMatch(/training ended before enough steps were made/);
    expect(readFileSync(join(path, 'finished'), 'utf8')).toBe('yes');
  });

  it('without its train.py is an error', () => {
    const { status, stderr, answers } = run(join(folder.path, 'nowhere'), 1);
    expect(status).toBe(1);
    expect(answers).toEqual([]);
    expect(stderr).toMatch(/nowhere.train\.py is not there: --reference takes a checkout of the original/);
  });
});
