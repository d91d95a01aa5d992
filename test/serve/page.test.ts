/** The built page, as the service gives it out, in a real browser. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packagePath } from '#uafer/paths.js';
import { launchBrowser, missingBrowser } from '../support/browser.js';
import { temporaryFolder } from '../support/pictures.js';
import { testService } from '../support/service.js';

const LOADED = 60_000;

describe.skipIf(missingBrowser)(missingBrowser ?? 'the page beside the service', () => {
  const folder = temporaryFolder();
  const built = join(folder.path, 'built');
  let browser: Browser;

  beforeAll(async () => {
    const vite = packagePath('node_modules', 'vite', 'bin', 'vite.js');
    const args = ['build', '--config', packagePath('web', 'vite.config.ts'), '--outDir', built, '--logLevel', 'error'];
    execFileSync(process.execPath, [vite, ...args], { env: { ...process.env, NODE_ENV: 'production' } });
    browser = await launchBrowser();
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    folder[Symbol.dispose]();
  });

  it('is isolated, so that it may run on threads, and answers its example under the policy of both', async () => {
    await using service = await testService({ web: built });
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', ({ message }) => complaints.push(message));
    await page.goto(`${service.url}/`);
    await page.locator('.reading').first().waitFor({ timeout: LOADED });
    expect(await page.evaluate('crossOriginIsolated')).toBe(true);
    expect(await page.locator('.backend').textContent()).toMatch(/^WebAssembly, \d+ threads?$/);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
