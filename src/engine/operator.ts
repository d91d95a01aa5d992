import { native, type Value } from './native.js';

/**
 * The libtorch operator of this name, e.g. `aten::add.Tensor`, as a function of its schema's arguments in order; `undefined`
 * (or leaving trailing arguments out) means the schema's default. The operator is looked up at its first call. A value of a kind that the
 * schema doesn't take, or a disposed tensor, throws an `OPERATOR` error that names the operator, its schema and the shapes given.
 *
 * This is the raw door to libtorch, and `uafer/engine` exports it as `unsafeOperator`: what an operator does with right kinds of wrong
 * values is libtorch's affair. Most check them and throw; those that don't read or write beside their memory, which ends the process or
 * changes other tensors' numbers. Among these are many for internal use (with an underscore in front) and also public ones:
 * `reflection_pad1d_backward` with an empty list of paddings, and the family of `fbgemm_*`. The functions of `ops.ts` are the list of
 * operators that are safe: each is tried with wrong values of every kind by the tests, and throws or answers.
 */
export function operator<Result extends Value = Value>(qualifiedName: string): (...args: Value[]) => Result {
  const dot = qualifiedName.indexOf('.');
  const name = dot < 0 ? qualifiedName : qualifiedName.slice(0, dot);
  const overload = dot < 0 ? '' : qualifiedName.slice(dot + 1);
  let call: ((...args: Value[]) => Value) | undefined;
  return (...args) => {
    call ??= native().findOperator(name, overload);
    return call(...args) as Result;
  };
}
