/**
 * `@Handle` and `@Hook`: methods of a class plugin that are handlers and hooks, so that the class needs no `setup`.
 * The mark is a property of the method itself. So it needs no compiler's metadata, it is found before an instance is
 * made, and a decorator is a function that JavaScript can call: `Handle('PURGE', '/x')(Tally.prototype, 'purge')`.
 */
import type { HandleOptions, Handler, Hooks, PluginContext } from '../api/plugin.js';
import type { ParamsOf } from '../api/request.js';

/** What a mark stands for: a call that `setup` would have made. */
export type Mark =
  | {
      readonly kind: 'handle';
      readonly method: string;
      readonly pattern: string;
      readonly options: HandleOptions | undefined;
    }
  | { readonly kind: 'hook'; readonly stage: keyof Hooks };

/** `Symbol.for`, so that a plugin with a copy of jackfield of its own is understood too. */
const MARKS = Symbol.for('jackfield.marks');

/** A decorator for methods, in both forms that compilers know, or called with a prototype and a name. */
export interface MethodMark<Shape> {
  /** `experimentalDecorators`, or called from JavaScript. */
  <Method extends Shape>(
    prototype: object,
    name: string | symbol,
    descriptor?: TypedPropertyDescriptor<Method>,
  ): void;
  /** The standard's. */
  <Method extends Shape>(method: Method, context: ClassMethodDecoratorContext): void;
}

/**
 * Makes a method the handler of a method and a pattern, as `context.handle` does. Several on one method are several
 * handlers. Put it above decorators that replace the method.
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
    // Decorators run from the innermost outwards; in the list they stand as they are read.
    const marks = [mark, ...marksOn(method)];
    Object.defineProperty(method, MARKS, { value: marks, configurable: true });
  };
}

/** @param at The name of the method, or the standard's context. */
function methodOf(target: object, at: unknown): unknown {
  if (typeof at === 'string' || typeof at === 'symbol') {
    // The prototype of a class; the class itself where the method is static.
    return typeof target === 'function' ? undefined : Reflect.get(target, at);
  }
  const { kind, private: isPrivate, static: isStatic } = Object(at) as Partial<ClassMethodDecoratorContext>;
  return kind === 'method' && isPrivate !== true && isStatic !== true ? target : undefined;
}

function marksOn(method: object): readonly Mark[] {
  const marks: unknown = Object.hasOwn(method, MARKS) ? Reflect.get(method, MARKS) : [];
  // Written by `marking` alone, of this copy or another.
  return marks as readonly Mark[];
}

interface MarkedMethod {
  readonly name: string | symbol;
  readonly marks: readonly Mark[];
}

/** The marked methods of a class, those of its base first, in the order in which they are written. */
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
      // A method that a subclass writes anew is what that says, marked or not.
      found.set(name, marksOn(value));
    }
  }
  return Array.from(found, ([name, marks]) => ({ name, marks })).filter(({ marks }) => marks.length > 0);
}

export function hasMarks(made: { readonly prototype?: unknown }): boolean {
  return markedMethods(made.prototype).length > 0;
}

/** Calls `handle` and `hook` for every marked method of an instance. */
export function plugMarked(instance: object, { handle, hook }: Pick<PluginContext, 'handle' | 'hook'>): void {
  for (const { name, marks } of markedMethods(Object.getPrototypeOf(instance))) {
    // A decorator has seen that it is a method, and of which shape.
    const method = (Reflect.get(instance, name) as (...args: unknown[]) => never).bind(instance);
    for (const mark of marks) {
      if (mark.kind === 'handle') handle(mark.method, mark.pattern, method, mark.options);
      else hook(mark.stage, method);
    }
  }
}
