import { expect, test } from 'vitest';
import { bfloat16InCpuinfo, processorHasBfloat16 } from '#uafer/engine/bfloat16.js';

const x86 = (flags: string) => `processor\t: 0\nmodel name\t: A processor\nflags\t\t: fpu avx2 ${flags} fma\nbugs\t\t: none\n`;
const arm = (features: string) => `processor\t: 0\nFeatures\t: fp asimd ${features}\nCPU part\t: 0xd40\n`;

test.each([
  ['Zen 4', x86('avx512f avx512_bf16'), true],
  ['Sapphire Rapids', x86('avx512f amx_bf16 amx_tile'), true],
  ['Skylake', x86('avx512f avx512bw'), false],
  ['Haswell', x86(''), false],
  ['Neoverse V1', arm('bf16 i8mm'), true],
  ['Neoverse N1', arm('asimddp'), false],
  ['a model whose name alone speaks of it', x86('').replace('A processor', 'avx512_bf16'), false],
  ['a text without flags', 'processor: 0\n', null],
  ['nothing', '', null],
])('%s: %#', (_, text, has) => {
  expect(bfloat16InCpuinfo(text)).toBe(has);
});

test('this processor is asked without a failure', () => {
  expect([true, false, null]).toContain(processorHasBfloat16());
});
