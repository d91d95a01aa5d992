import { native, type Value } from './native.js';

/**
 * The libtorch operator of this name, e.g. `aten::add.Tensor`, as a function of its schema's arguments in order; `undefined`
 * (or leaving trailing arguments out) means the schema's default. The operator is looked up at its first call. A wrong kind,
 * shape or disposed tensor throws an `OPERATOR` error that names the operator, its schema and the shapes given; but libtorch's
 * operators for internal use (with an underscore in front) trust shapes and lengths, and a wrong one can end the process.
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
