/** The forms of plugins: object, function, class with `setup`, class with marked methods. */
import test, { type ExecutionContext } from 'ava';
import {
  createServer,
  definePlugin,
  Handle,
  Hook,
  inject,
  type PluginContext,
  type PluginEntry,
  type Request,
  type ResponseParts,
  type Storage,
  TOKENS,
} from '../../../core/index.js';

async function served(t: ExecutionContext, ...plugins: readonly PluginEntry[]) {
  const server = createServer({ storage: 'memory', plugins });
  t.teardown(() => server.close());
  await server.ready();
  return server;
}

class PurgePlugin {
  readonly #seen: string[] = [];
  constructor(@inject(TOKENS.storage) readonly storage: Storage) {}

  @Handle('PURGE', '/keys/:key')
  async purge({ params: { key } }: Request<{ key: string }>): Promise<{ status: number }> {
    const { previous } = await this.storage.commit({ deletes: [key] });
    return { status: previous.has(key) ? 204 : 404 };
  }

  @Handle('PUT', '/keys/:key')
  @Handle('STORE', '/keys/:key')
  async put(request: Request<{ key: string }>): Promise<string> {
    await this.storage.commit({ puts: [{ key: request.params.key, value: 'x' }] });
    return request.method;
  }

  @Hook('request')
  note({ method }: Request): void {
    this.#seen.push(method);
  }

  @Hook('response')
  sign(_request: Request, response: ResponseParts): ResponseParts {
    return { ...response, headers: { ...response.headers, 'x-seen': this.#seen.join(' ') } };
  }
}

test('marked methods of a class are its handlers and hooks, bound to the instance, without setup', async (t) => {
  const server = await served(t, PurgePlugin);
  t.is((await server.inject({ method: 'PURGE', target: '/keys/a' })).status, 404);
  t.is((await server.inject({ method: 'PUT', target: '/keys/a' })).text, 'PUT');
  t.is((await server.inject({ method: 'STORE', target: '/keys/b' })).text, 'STORE');
  const { status, headers } = await server.inject({ method: 'PURGE', target: '/keys/a' });
  t.deepEqual([status, headers['x-seen']], [204, 'PURGE PUT STORE PURGE']);
  const [report] = server.plugins;
  t.like(report, { name: 'purge', hooks: ['request', 'response'] });
  t.deepEqual(
    report?.claims.map(({ method }) => method),
    ['PURGE', 'PUT', 'STORE'],
  );
});

test('a subclass inherits marks, except for methods that it overrides', async (t) => {
  class QuietPurge extends PurgePlugin {
    static readonly plugin = { name: 'quiet' };
    override note(): void {}
    @Handle('COUNT', '/')
    count(): string {
      return 'none';
    }
  }
  const server = await served(t, QuietPurge);
  t.is((await server.inject({ method: 'COUNT' })).text, 'none');
  t.is((await server.inject({ method: 'PUT', target: '/keys/a' })).headers['x-seen'], '');
  t.deepEqual(server.plugins[0]?.hooks, ['response']);
});

test('JavaScript calls the decorators with the prototype and the name of the method', async (t) => {
  class Shout {
    mark = '!';
    async shout(request: Request): Promise<string> {
      return (await request.text()).toUpperCase() + this.mark;
    }
  }
  Handle('SHOUT', '/')(Shout.prototype, 'shout');
  const server = await served(t, Shout);
  t.is((await server.inject({ method: 'SHOUT', body: 'hey' })).text, 'HEY!');
});

test('the standard form of decorators, with a method and a context, works', async (t) => {
  class Ping {
    ping(): string {
      return `pong ${this instanceof Ping}`;
    }
  }
  const context = { kind: 'method', name: 'ping', static: false, private: false };
  // As a compiler without experimentalDecorators calls `@Handle('PING', '/')`.
  Handle('PING', '/')(Ping.prototype.ping, context as ClassMethodDecoratorContext);
  const server = await served(t, Ping);
  t.is((await server.inject({ method: 'PING' })).text, 'pong true');
});

test('a mark on anything but a method of the instance is refused at once', (t) => {
  class Wrong {
    static ping(): string {
      return '';
    }
    readonly other = '';
  }
  const says = { message: '@Handle can only decorate a method that is neither private nor static.' };
  t.throws(() => Handle('PING', '/')(Wrong, 'ping'), { instanceOf: TypeError, ...says });
  t.throws(() => Handle('PING', '/')(Wrong.prototype, 'pong'), { instanceOf: TypeError, ...says });
  const context = { kind: 'method', name: '#ping', static: false, private: true };
  t.throws(() => Handle('PING', '/')(Wrong.ping, context as ClassMethodDecoratorContext), says);
  t.throws(() => Hook('close')(Wrong, 'ping'), { message: /^@Hook can only decorate a method/ });
});

test('a class may have marked methods and setup', async (t) => {
  class Both {
    @Handle('ONE', '/')
    one(): string {
      return 'one';
    }
    setup({ handle }: PluginContext): void {
      handle('TWO', '/', () => 'two');
    }
  }
  const server = await served(t, Both);
  t.is((await server.inject({ method: 'ONE' })).text, 'one');
  t.is((await server.inject({ method: 'TWO' })).text, 'two');
});

test('a function is a plugin with its own name; its property "plugin" has the rest of the definition', async (t) => {
  function helloWorld({ handle }: PluginContext): void {
    handle('HELLO', '/', () => 'world');
  }
  async function late({ handle }: PluginContext): Promise<void> {
    await null;
    handle('LATE', '/', () => 'yes');
  }
  late.plugin = { name: 'later', version: '1.0.0', needs: ['hello-world@^2'] };
  helloWorld.plugin = { version: '2.1.0' };
  const server = await served(t, late, helloWorld);
  t.is((await server.inject({ method: 'HELLO' })).text, 'world');
  t.is((await server.inject({ method: 'LATE' })).text, 'yes');
  t.deepEqual(
    server.plugins.map(({ name, version }) => [name, version]),
    [
      ['hello-world', '2.1.0'],
      ['later', '1.0.0'],
    ],
  );
});

test('a version range is met by a plugin under its own name, by a built-in plugin, and by a renamed one', async (t) => {
  const audit = definePlugin({ name: 'audit', version: '1.4.0', setup() {} });
  const needy = definePlugin({
    name: 'needy',
    needs: ['audit@^1.2', { name: 'get', range: '>=0.1.0' }],
    setup() {},
  });
  const server = await served(t, needy, 'get', { use: audit, as: 'first' }, { use: audit, as: 'second' });
  t.deepEqual(
    server.plugins.map(({ name }) => name),
    ['first', 'second', 'get', 'needy'],
  );
});

test('a prerelease meets a range by its place in the order', async (t) => {
  const audit = definePlugin({ name: 'audit', version: '1.1.0-beta.1', setup() {} });
  const needy = (range: string) =>
    definePlugin({ name: 'needy', needs: [{ name: 'audit', range }], setup() {} });
  for (const range of ['*', '^1.0.0', '>=1.0', '^1.1.0-beta.0']) {
    const server = await served(t, audit, needy(range));
    t.is(server.plugins.length, 2, range);
  }
  for (const range of ['^1.1.0', '^1.1.0-beta.2', '<1.0.0', '^0.9'])
    await t.throwsAsync(served(t, audit, needy(range)), { code: 'PLUGIN_NEEDS_VERSION' }, range);
  const next = definePlugin({ name: 'audit', version: '2.0.0-rc.1', setup() {} });
  await t.throwsAsync(served(t, next, needy('^1.0.0')), { code: 'PLUGIN_NEEDS_VERSION' });
});

test('of two plugins with the same own name, each must be in the range', async (t) => {
  const audit = (version: string) => definePlugin({ name: 'audit', version, setup() {} });
  const needy = definePlugin({ name: 'needy', needs: ['audit@^1.2'], setup() {} });
  await t.throwsAsync(served(t, needy, audit('1.4.0'), { use: audit('1.0.0'), as: 'old' }), {
    code: 'PLUGIN_NEEDS_VERSION',
    message:
      'A plugin needs a different version of another plugin: "needy" needs "audit" ^1.2, and "old" is 1.0.0. Use versions of both that fit together.',
  });
});
