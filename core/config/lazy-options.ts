/**
 * A schema of options that is made when something asks it: for a plugin or an adapter that most servers name without
 * options, whose start then does not pay for zod.
 */
import type { StandardResult, StandardSchema } from './standard-schema.js';
import { type Zod, zod } from './zod.js';

/**
 * @param make The schema, made once; it is handed the `z` of zod 4.
 * @param known What the schema makes of options that need no looking at, above all of `{}`; undefined for all others.
 * It must never give what the schema would not.
 */
export function lazyOptions<Output>(
  make: (z: Zod) => StandardSchema<unknown, Output>,
  known: (given: Readonly<Record<string, unknown>>) => Output | undefined,
): StandardSchema<unknown, Output> {
  return new LazyOptions(make, known);
}

class LazyOptions<Output> implements StandardSchema<unknown, Output> {
  readonly #make: (z: Zod) => StandardSchema<unknown, Output>;
  readonly #known: (given: Readonly<Record<string, unknown>>) => NoInfer<Output> | undefined;
  #made: StandardSchema<unknown, Output> | undefined;
  readonly '~standard': StandardSchema<unknown, Output>['~standard'];

  constructor(
    make: (z: Zod) => StandardSchema<unknown, Output>,
    known: (given: Readonly<Record<string, unknown>>) => NoInfer<Output> | undefined,
  ) {
    this.#make = make;
    this.#known = known;
    const schema = (): StandardSchema<unknown, Output> => this.schema;
    this['~standard'] = {
      version: 1,
      vendor: 'zod',
      validate: (value) => this.#validate(value),
      // What else the schema offers about itself, a JSON Schema of it for example.
      get jsonSchema(): unknown {
        return Reflect.get(schema()['~standard'], 'jsonSchema');
      },
    } as StandardSchema<unknown, Output>['~standard'];
  }

  get schema(): StandardSchema<unknown, Output> {
    this.#made ??= this.#make(zod());
    return this.#made;
  }

  /** Those who ask a schema of zod by its shape are answered by the one that was made. */
  get _zod(): unknown {
    return Reflect.get(this.schema, '_zod');
  }

  get shape(): unknown {
    return Reflect.get(this.schema, 'shape');
  }

  #validate(value: unknown): StandardResult<Output> | Promise<StandardResult<Output>> {
    if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
      const known = this.#known(value as Readonly<Record<string, unknown>>);
      if (known !== undefined) return { value: known };
    }
    return this.schema['~standard'].validate(value);
  }
}
