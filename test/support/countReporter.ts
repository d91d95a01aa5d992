import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

/** Prints the plain count as the last line, for people and machines that read only the end. */
export class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    const unfinished: string[] = [];
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) count[test.result().state] += 1;
      // A file that could not be loaded has no tests to fail.
      if (module.errors().length > 0) count.failed += 1;
      const first = tests.find((test) => test.result().state === 'pending');
      if (first || module.state() === 'queued' || module.state() === 'pending') {
        unfinished.push(`${relative('.', module.moduleId)}${first ? ` (at '${first.fullName}')` : ''}`);
      }
    }
    process.on('exit', () => {
      // The runner says that a worker ended, and not which.
      if (unfinished.length > 0) console.log(`did not finish: ${unfinished.join(', ')}`);
      console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
    });
  }
}
