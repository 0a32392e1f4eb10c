/**
 * For two copies of jackfield in one process: a plugin may bring its own copy, perhaps in another version. The core
 * must understand what such a plugin throws or returns, so `instanceof` checks a mark here, not the class.
 */

/**
 * Makes `instanceof` true for objects of this class from every copy. Subclasses keep the usual meaning.
 * @param name The same in every copy and version.
 */
export function sameInAllCopies(made: abstract new (...args: never) => object, name: string): void {
  const mark = Symbol.for(`jackfield.${name}`);
  const usual = Function.prototype[Symbol.hasInstance];
  Object.defineProperty(made.prototype, mark, { value: true });
  Object.defineProperty(made, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== made) return usual.call(this, value);
      return typeof value === 'object' && value !== null && mark in value;
    },
  });
}
