/**
 * The container of one server. It makes the instances of class plugins and class adapters, and gives them what they
 * name by token. Only this file calls tsyringe.
 *
 * Law of this file: every server has a container, and every class a child of it, so two servers in one process share
 * nothing. A service that plugins of a server share belongs in the server's container: every child finds it there.
 */
import { createRequire } from 'node:module';
import type { DependencyContainer, InjectionToken } from 'tsyringe';

const require = createRequire(import.meta.url);

// Compilers with `emitDecoratorMetadata` write code that calls it when the module of a class is evaluated.
// By `require`: importing the first CommonJS module costs Node as much as several dozen of our modules.
require('reflect-metadata');

/** `Symbol.for`, so that a plugin with its own copy of jackfield is understood too. */
const NOTES = Symbol.for('jackfield.injections');

interface InjectOptions {
  /** The parameter is `undefined` if nothing is registered under the token. */
  readonly isOptional?: boolean;
}

/** Used above a constructor's parameter, or called with the class, `undefined` and the parameter's index. */
export type ParameterMark = (target: object, key: string | symbol | undefined, at: number) => void;

interface Note {
  readonly at: number;
  readonly token: InjectionToken<unknown>;
  readonly options: InjectOptions | undefined;
}

/**
 * Names the token of a constructor's parameter: `constructor(@inject(TOKENS.storage) storage: Storage)`. It only
 * records the token; tsyringe gets it when the first class is made. Most servers have none, and loading tsyringe takes
 * a fifth of a start.
 */
export function inject(token: InjectionToken<unknown>, options?: InjectOptions): ParameterMark {
  return (target, _key, at) => {
    const notes = [...notesOn(target), { at, token, options }];
    Object.defineProperty(target, NOTES, { value: notes, configurable: true });
  };
}

// biome-ignore lint/suspicious/noExplicitAny: the container decides about the constructor's arguments.
type Class = new (...args: any[]) => object;

export class ServerContainer {
  #container: DependencyContainer | undefined;

  /**
   * @param own The services of the instance, by token.
   * Errors: TypeError if a parameter names no token; those of the constructor.
   */
  make(made: Class, own: ReadonlyMap<InjectionToken<unknown>, unknown>): object {
    const tsyringe: typeof import('tsyringe') = require('tsyringe');
    mustNameTokens(made);
    this.#container ??= tsyringe.container.createChildContainer();
    const child = this.#container.createChildContainer();
    for (const [token, value] of own) child.register(token, { useValue: value });
    for (const { at, token, options } of notesOn(made)) tsyringe.inject(token, options)(made, undefined, at);
    // Done here, so that users do not have to write `@injectable()`: the tokens are enough.
    tsyringe.injectable()(made);
    // Registered in the child: all servers would share what a decorator registers (`@singleton()`).
    child.register(made, { useClass: made });
    return child.resolve<object>(made);
  }
}

function notesOn(made: object): readonly Note[] {
  const notes: unknown = Object.getOwnPropertyDescriptor(made, NOTES)?.value;
  // Only `inject` writes it, in this copy or another.
  return (notes ?? []) as readonly Note[];
}

/** Checked first, because tsyringe passes `undefined` for a parameter that it knows nothing about. */
function mustNameTokens(made: Class): void {
  const noted = new Set(notesOn(made).map(({ at }) => at));
  // If the compiler emits them, types can stand for tokens (`emitDecoratorMetadata`).
  const types: readonly unknown[] = Reflect.getMetadata('design:paramtypes', made) ?? [];
  for (let at = 0; at < made.length; at += 1) {
    if (noted.has(at) || types[at] !== undefined) continue;
    throw new TypeError(
      `parameter ${at + 1} of its constructor has no token; write for example "constructor(@inject(TOKENS.storage) storage)", with inject from jackfield.`,
    );
  }
}
