/** The files for containers name only what there is. None of them is run here but the steps that need no Docker. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { packagePath } from '#uafer/paths.js';
import { uafer } from '../cli/run.js';

const read = (name: string) => readFileSync(packagePath('deploy', name), 'utf8');
const help = await uafer(['serve', '--help']);
const { paths } = JSON.parse(readFileSync(packagePath('schemas', 'openapi.json'), 'utf8'));
const optionsOf = (args: readonly string[]) => args.filter((arg) => arg.startsWith('--'));

function expectOptions(args: readonly string[]): void {
  for (const option of optionsOf(args)) expect(help.stdout, option).toMatch(new RegExp(`${option}[ ,\\n]`));
}

describe('the image', () => {
  const dockerfile = read('Dockerfile');
  const [, entrypoint = '[]'] = /^ENTRYPOINT (.*)$/m.exec(dockerfile) ?? [];

  it('starts the command by a path that the package has, with options that there are', () => {
    const [node, script, command, ...args] = JSON.parse(entrypoint) as string[];
    expect([node, command]).toEqual(['node', 'serve']);
    expect(existsSync(join(packagePath(), (script as string).replace('/app/', '')))).toBe(true);
    expectOptions(args);
    expect(dockerfile).toContain(`EXPOSE ${args[args.indexOf('--port') + 1]}`);
  });

  it('is no root, and is asked how it is', () => {
    const last = dockerfile.slice(dockerfile.lastIndexOf('FROM '));
    expect(last).toMatch(/^USER 1000:1000$/m);
    const asked = /fetch\('http:\/\/127\.0\.0\.1:8080(\S+)'\)/.exec(last)?.[1];
    expect(Object.keys(paths)).toContain(asked);
  });

  it('copies what there is', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap((match) => (match[1] as string).split(' '));
    expect(copied.length).toBeGreaterThan(2);
    for (const name of copied) expect(existsSync(packagePath(name)), name).toBe(true);
  });
});

describe('the compose file', () => {
  const { services } = parse(read('compose.yaml'));

  it('builds the image, gives it options that there are, and no rights', () => {
    const { uafer: own } = services;
    expect(existsSync(packagePath('deploy', own.build.context, own.build.dockerfile))).toBe(true);
    expectOptions(own.command);
    expect(own).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    expect(own.ports).toEqual(['127.0.0.1:8080:8080']);
  });

  it('has Prometheus ask for the metrics', () => {
    const [mounted] = services.prometheus.volumes as string[];
    expect(existsSync(packagePath('deploy', (mounted as string).split(':')[0] as string))).toBe(true);
    const { scrape_configs: jobs } = parse(read('prometheus.yml'));
    for (const { metrics_path: path, static_configs: targets } of jobs) {
      expect(Object.keys(paths)).toContain(path);
      expect(targets).toEqual([{ targets: ['uafer:8080'] }]);
    }
  });
});

describe('the Kubernetes manifest', () => {
  const [deployment, service] = parseAllDocuments(read('kubernetes.yaml')).map((document) => document.toJS());
  const { spec } = deployment.spec.template;
  const [container] = spec.containers;

  it('gives options that there are, and mounts what they name', () => {
    expectOptions(container.args);
    const tokens = container.args[container.args.indexOf('--tokens') + 1] as string;
    expect(container.volumeMounts.some(({ mountPath }: { mountPath: string }) => tokens.startsWith(`${mountPath}/`))).toBe(
      true,
    );
  });

  it('asks at paths that need no token, and ends later than any answer may take', () => {
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      const { path, port } = container[probe].httpGet;
      expect(Object.keys(paths)).toContain(path);
      expect(port).toBe('http');
    }
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(5 + 30 + 30);
  });

  it('has limits and no rights, and the service finds its pods', () => {
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true });
    expect(container.resources.limits).toHaveProperty('memory');
    expect(service.spec.selector).toEqual(deployment.spec.template.metadata.labels);
  });
});
