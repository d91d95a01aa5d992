/**
 * The original's spellings become ours: underscores and hyphens are alike in option names, and its "lamda" is "lambda".
 * `--lamda_kd=1` -> `--lambda-kd=1`; values and everything after `--` stay as they are.
 */
export function normaliseArguments(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  return args.map((arg, i) => (arg.startsWith('--') && (end < 0 || i < end) ? normaliseOption(arg) : arg));
}

function normaliseOption(arg: string): string {
  const [name, ...value] = arg.split('=') as [string, ...string[]];
  const ours = name.replaceAll('_', '-').replace(/\blamda\b/, 'lambda');
  return [ours, ...value].join('=');
}
