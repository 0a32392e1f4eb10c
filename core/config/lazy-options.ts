/**
 * A schema of options that is created on first use. For plugins and adapters that most servers use without options:
 * their start then does not load zod.
 */
import type { StandardResult, StandardSchema } from './standard-schema.js';
import { type Zod, zod } from './zod.js';

/**
 * @param make Creates the schema, once; its argument is the `z` of zod 4.
 * @param known The output of the schema for options that it need not check, above all `{}`; undefined for all others.
 * It must never differ from the output of the schema.
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
  #schema: StandardSchema<unknown, Output> | undefined;
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
      // Other members of the schema, for example its JSON Schema.
      get jsonSchema(): unknown {
        return Reflect.get(schema()['~standard'], 'jsonSchema');
      },
    } as StandardSchema<unknown, Output>['~standard'];
  }

  get schema(): StandardSchema<unknown, Output> {
    this.#schema ??= this.#make(zod());
    return this.#schema;
  }

  /** Code that recognises a zod schema by its shape gets the members of the real one. */
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
