/**
 * `inject` and `injectable` of class plugins, noted here and handed to tsyringe when the first class plugin is made:
 * most servers have none, and loading the container is a fifth of their start.
 */
import { createRequire } from 'node:module';
import type { InjectionToken } from 'tsyringe';

// What compilers emit about classes (`emitDecoratorMetadata`) has to find this when a plugin's module is evaluated.
// By `require`: to import the first CommonJS module costs Node as much as several dozen of ours.
createRequire(import.meta.url)('reflect-metadata');

/** `Symbol.for`, so that a plugin with a copy of jackfield of its own is understood too. */
const NOTES = Symbol.for('jackfield.injections');

interface InjectOptions {
  /** `undefined` where nobody registered the token. */
  readonly isOptional?: boolean;
}

/** What stands above a constructor's parameter, or is called with the class, undefined and the parameter's place. */
export type ParameterMark = (target: object, key: string | symbol | undefined, at: number) => void;

interface Note {
  readonly at: number;
  readonly token: InjectionToken<unknown>;
  readonly options: InjectOptions | undefined;
}

/** Above a constructor's parameter: what it is given. */
export function inject(token: InjectionToken<unknown>, options?: InjectOptions): ParameterMark {
  return (target, _key, at) => {
    const notes = [...notesOn(target), { at, token, options }];
    Object.defineProperty(target, NOTES, { value: notes, configurable: true });
  };
}

/** Above a class. Nothing is left to do: every class plugin is made injectable. */
export function injectable(): (target: object) => void {
  return () => {};
}

function notesOn(made: object): readonly Note[] {
  const notes: unknown = Object.getOwnPropertyDescriptor(made, NOTES)?.value;
  // Written by `inject` alone, of this copy or another.
  return (notes ?? []) as readonly Note[];
}

/** Tells the container what was noted of a class. @param decorate tsyringe's own `inject`. */
export function applyNotes(
  made: object,
  decorate: (token: InjectionToken<unknown>, options?: InjectOptions) => ParameterMark,
): void {
  for (const { at, token, options } of notesOn(made)) decorate(token, options)(made, undefined, at);
}
