/** An error together with the plugin that caused it, until it is logged. */
import type { Request } from '../api/request.js';
import { logFields } from '../exchange/request-state.js';
import type { Log } from '../log.js';

export class Blamed {
  readonly #isOne = true;

  constructor(
    readonly plugin: string,
    readonly error: unknown,
  ) {}

  /** Unlike `instanceof`, this runs no code of a proxy object. */
  static is(thrown: unknown): thrown is Blamed {
    return typeof thrown === 'object' && thrown !== null && #isOne in thrown;
  }
}

export function blamed(plugin: string, error: unknown): Blamed {
  return Blamed.is(error) ? error : new Blamed(plugin, error);
}

/** Logs a fault of a plugin while it handled this request. */
export function logFault(log: Log, plugin: string, thrown: unknown, request: Request): undefined {
  const { method, path } = request;
  const error = Blamed.is(thrown) ? thrown.error : thrown;
  log.error(
    { plugin, method, path, ...logFields.get(request), err: error },
    'A plugin failed while it handled a request.',
  );
}
