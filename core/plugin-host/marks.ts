/**
 * `@Handle` and `@Hook` make methods of a class plugin handlers and hooks, so that the class needs no `setup`. The mark
 * is a property of the method itself. So it needs no metadata from a compiler and can be read before there is an
 * instance. A decorator is a plain function that JavaScript can call: `Handle('PURGE', '/x')(Tally.prototype,
 * 'purge')`.
 */
import type { HandleOptions, Handler, Hooks, PluginContext } from '../api/plugin.js';
import type { ParamsOf } from '../api/request.js';

/** The call that `setup` would have made. */
export type Mark =
  | {
      readonly kind: 'handle';
      readonly method: string;
      readonly pattern: string;
      readonly options: HandleOptions | undefined;
    }
  | { readonly kind: 'hook'; readonly stage: keyof Hooks };

/** `Symbol.for`, so that marks from another copy of jackfield are found too. */
const MARKS = Symbol.for('jackfield.marks');

/** A decorator for methods, in both forms that compilers use, or called with a prototype and a name. */
export interface MethodMark<Shape> {
  /** The form of `experimentalDecorators`, also for calls from JavaScript. */
  <Method extends Shape>(
    prototype: object,
    name: string | symbol,
    descriptor?: TypedPropertyDescriptor<Method>,
  ): void;
  /** The form of the ECMAScript standard. */
  <Method extends Shape>(method: Method, context: ClassMethodDecoratorContext): void;
}

/**
 * Makes a method the handler of a method and a pattern, as `context.handle` does. Several marks on one method make
 * several handlers. Put it above decorators that replace the method.
 */
export function Handle<const Pattern extends string>(
  method: string,
  pattern: Pattern,
  options?: HandleOptions,
): MethodMark<Handler<ParamsOf<Pattern>>> {
  return marking('@Handle', { kind: 'handle', method, pattern, options });
}

/** Makes a method a hook, as `context.hook` does. */
export function Hook<Stage extends keyof Hooks>(stage: Stage): MethodMark<Hooks[Stage]> {
  return marking('@Hook', { kind: 'hook', stage });
}

function marking(decorator: string, mark: Mark): (target: object, at: unknown) => void {
  return (target, at) => {
    const method = methodOf(target, at);
    if (typeof method !== 'function') {
      throw new TypeError(`${decorator} can only decorate a method that is neither private nor static.`);
    }
    // Decorators run from the innermost outwards; keep the order of the source.
    const marks = [mark, ...marksOn(method)];
    Object.defineProperty(method, MARKS, { value: marks, configurable: true });
  };
}

/** @param at The name of the method, or the context object of the standard. */
function methodOf(target: object, at: unknown): unknown {
  if (typeof at === 'string' || typeof at === 'symbol') {
    // A prototype has instance methods; a class itself has static ones, which cannot be marked.
    return typeof target === 'function' ? undefined : Reflect.get(target, at);
  }
  const { kind, private: isPrivate, static: isStatic } = Object(at) as Partial<ClassMethodDecoratorContext>;
  return kind === 'method' && isPrivate !== true && isStatic !== true ? target : undefined;
}

function marksOn(method: object): readonly Mark[] {
  const marks: unknown = Object.hasOwn(method, MARKS) ? Reflect.get(method, MARKS) : [];
  // Only `marking` writes it, in this copy or another.
  return marks as readonly Mark[];
}

interface MarkedMethod {
  readonly name: string | symbol;
  readonly marks: readonly Mark[];
}

/** The marked methods of a class in source order, those of its base class first. */
function markedMethods(prototype: unknown): MarkedMethod[] {
  const found = new Map<string | symbol, readonly Mark[]>();
  const chain: object[] = [];
  for (let at: unknown = prototype; at instanceof Object && at !== Object.prototype; ) {
    chain.unshift(at);
    at = Object.getPrototypeOf(at);
  }
  for (const one of chain) {
    for (const name of Reflect.ownKeys(one)) {
      const value: unknown = Object.getOwnPropertyDescriptor(one, name)?.value;
      if (name === 'constructor' || typeof value !== 'function') continue;
      // A subclass replaces a method together with its marks, even if it has none.
      found.set(name, marksOn(value));
    }
  }
  return Array.from(found, ([name, marks]) => ({ name, marks })).filter(({ marks }) => marks.length > 0);
}

export function hasMarks(made: { readonly prototype?: unknown }): boolean {
  return markedMethods(made.prototype).length > 0;
}

/** Registers every marked method of an instance with `handle` or `hook`. */
export function plugMarked(instance: object, { handle, hook }: Pick<PluginContext, 'handle' | 'hook'>): void {
  for (const { name, marks } of markedMethods(Object.getPrototypeOf(instance))) {
    // The decorator has checked that it is a method, and TypeScript its type.
    const method = (Reflect.get(instance, name) as (...args: unknown[]) => never).bind(instance);
    for (const mark of marks) {
      if (mark.kind === 'handle') handle(mark.method, mark.pattern, method, mark.options);
      else hook(mark.stage, method);
    }
  }
}
