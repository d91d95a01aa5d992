/** `1 epoch`, `2 epochs`: a number with what it counts, whose plural ends in `s` unless it is given. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
