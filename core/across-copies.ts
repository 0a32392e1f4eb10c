/**
 * Two copies of jackfield in one process: a plugin that was installed with one of its own, in another version perhaps.
 * What such a plugin throws or returns has to be understood, so `instanceof` asks for a mark here, not for the class.
 */

/**
 * Makes `instanceof` true for objects of this class from every copy. Subclasses keep the usual meaning.
 * @param name The same in every copy and every version.
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
