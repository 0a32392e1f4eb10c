/**
 * Compiler errors of plugins. The lines below are compiled and never run: a marked line without an error is itself an
 * error, so the build is the test.
 */
import test from 'ava';
import { z } from 'zod';
import { createServer, definePlugin, Handle, Hook, type Request } from '../../core/index.js';

const options = z.strictObject({ mark: z.string().default('!'), times: z.number() });

export const right = definePlugin({
  name: 'right',
  needs: ['audit@^1', { name: 'get', range: '>=1' }],
  options,
  setup({ handle, hook, options: { mark, times }, storage }) {
    handle('REPEAT', '/keys/:key/*', async ({ params }) => {
      const entry = await storage.get(params.key);
      return `${entry?.value ?? ''}${params['*']}${mark.repeat(times)}`;
    });
    handle('*', '*', () => new Uint8Array(), { fallback: true });
    hook('response', (_request, { status }) => ({ status: status ?? 200 }));
  },
});

export const wrong = definePlugin({
  name: 'wrong',
  options,
  setup({ handle, hook, options: given, storage }) {
    // @ts-expect-error: it is a string
    given.mark.toFixed();
    // @ts-expect-error: no such option
    given.marks;
    // @ts-expect-error: the pattern has no such name
    handle('GET', '/keys/:key', ({ params }) => params.name);
    // @ts-expect-error: no rest in this pattern
    handle('GET', '/keys/:key', ({ params }) => params['*']);
    // @ts-expect-error: a number is not an answer
    handle('GET', '/number', () => 42);
    // @ts-expect-error: nor is a promise of one
    handle('GET', '/late', async () => 42);
    // @ts-expect-error: nor is nothing
    handle('GET', '/nothing', () => {});
    // @ts-expect-error: a status is a number
    handle('GET', '/status', () => ({ status: '200' }));
    // @ts-expect-error: no such option of a handler
    handle('GET', '/option', () => '', { maxBodyBytes: 1 });
    // @ts-expect-error: no such stage
    hook('requests', () => {});
    // @ts-expect-error: a hook does not answer with a number
    hook('request', () => 42);
    // @ts-expect-error: a value is a string
    storage.commit({ puts: [{ key: 'a', value: 1 }] });
  },
});

// @ts-expect-error: a plugin has a name
export const nameless = definePlugin({ setup() {} });
// @ts-expect-error: a need is a name, or a name and a range
export const needy = definePlugin({ name: 'needy', needs: [{ plugin: 'audit' }], setup() {} });

export class Marked {
  @Handle('GET', '/keys/:key')
  get({ params }: Request<{ key: string }>): string {
    return params.key;
  }

  // @ts-expect-error: the pattern has no such name
  @Handle('GET', '/keys/:key')
  other({ params }: Request<{ name: string }>): string {
    return params.name;
  }

  // @ts-expect-error: a number is not an answer
  @Handle('GET', '/number')
  number(): number {
    return 42;
  }

  // @ts-expect-error: no such stage
  @Hook('requests')
  hook(): void {}
}

export function configurations(): void {
  createServer({ plugins: [right, Marked, { use: right, prefix: '/api', as: 'second' }, 'get'] });
  // @ts-expect-error: no such key
  createServer({ plugin: [] });
  // @ts-expect-error: a prefix is a string
  createServer({ plugins: [{ use: right, prefix: 1 }] });
  // @ts-expect-error: a plugin has setup
  createServer({ plugins: [{ name: 'none' }] });
}

test('options, params and returned values are checked by the compiler', (t) => {
  t.is(right.name, 'right');
});
