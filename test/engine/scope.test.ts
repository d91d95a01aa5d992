import { describe, expect, it } from 'vitest';
import { liveHandles, ops, scope, type Tensor, toArray } from '#uafer/engine/index.js';

const made = (block: () => unknown) => {
  const before = liveHandles();
  block();
  return liveHandles() - before;
};

describe('scope', () => {
  it('frees what the block made but its result', () => {
    let inner: Tensor | undefined;
    const handles = made(() => {
      const result = scope(() => {
        inner = ops.ones([2]);
        return ops.add(inner, 1);
      });
      expect(toArray(result)).toEqual([2, 2]);
    });
    expect(inner?.disposed).toBe(true);
    expect(handles).toBe(1);
  });

  it('keeps tensors in arrays and objects, however deep', () => {
    const result = scope(() => {
      ops.zeros([1]);
      return {
        a: ops.zeros([1]),
        list: [ops.ones([1]), { b: ops.ones([2]) }],
        text: 'x',
        none: null,
        bytes: new Uint8Array(3),
      };
    });
    const [first, second] = result.list as [Tensor, { b: Tensor }];
    for (const x of [result.a, first, second.b]) expect(x.disposed).toBe(false);
  });

  it('hands its result to the enclosing scope, which frees it', () => {
    let leaked: Tensor | undefined;
    const handles = made(() =>
      scope(() => {
        leaked = scope(() => ops.zeros([1]));
        expect(leaked.disposed).toBe(false);
      }),
    );
    expect(leaked?.disposed).toBe(true);
    expect(handles).toBe(0);
  });

  it('frees everything when the block throws', () => {
    const handles = made(() => {
      expect(() =>
        scope(() => {
          ops.zeros([1]);
          scope(() => {
            ops.zeros([1]);
            throw new Error('midway');
          });
        }),
      ).toThrow('midway');
    });
    expect(handles).toBe(0);
  });

  it('leaves alone what was there before, and what was disposed inside', () => {
    const outer = ops.zeros([1]);
    scope(() => {
      ops.zeros([1]).dispose();
      return outer;
    });
    expect(outer.disposed).toBe(false);
  });

  it('refuses a promise', () => {
    const handles = made(() => {
      expect(() => scope(async () => ops.zeros([1]))).toThrow(/synchronous/);
    });
    expect(handles).toBe(0);
  });

  it('keeps a result that is listed twice, once', () => {
    const [a, b] = scope(() => {
      const x = ops.ones([1]);
      return [x, x];
    }) as [Tensor, Tensor];
    expect(a).toBe(b);
    expect(toArray(a)).toEqual([1]);
  });

  it('bears disposal from within the list of what it should keep', () => {
    const handles = made(() => {
      const trap: { x?: Tensor } = {};
      scope(() => {
        const x = ops.zeros([1]);
        Object.defineProperty(trap, 'x', {
          enumerable: true,
          get() {
            x.dispose();
            return x;
          },
        });
        return trap;
      });
    });
    expect(handles).toBe(0);
  });
});
