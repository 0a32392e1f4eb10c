/** Uses every exported module of the package with types, like a user's project. It is compiled, then run. */
import {
  createServer,
  defineAdapter,
  definePlugin,
  type Entry,
  Handle,
  type Handler,
  HttpError,
  type InjectResponse,
  inject,
  type Plugin,
  type Request,
  type ServerConfig,
  type Storage,
  type StorageAdapter,
  StorageError,
  TOKENS,
} from 'jackfield';
import { parseHttpFile, runHttpFile } from 'jackfield/client';
import builtInGet from 'jackfield/plugins/get';
import jsonFile from 'jackfield/storage-adapters/json-file';
import memory from 'jackfield/storage-adapters/memory';
import { storageContract } from 'jackfield/testing';
import { z } from 'zod';

const teapot: Handler = ({ path }) => {
  throw new HttpError(418, `No coffee at ${path}`, { 'X-Kind': 'teapot' });
};

const keys = definePlugin({
  name: 'keys',
  needs: ['get'],
  options: z.strictObject({ upper: z.boolean().default(false) }),
  setup({ handle, hook, storage, options }) {
    handle('LIST', '/keys/:prefix', async ({ params: { prefix } }) => {
      const { entries } = await storage.list({ prefix, limit: 100 });
      const names: string[] = entries.map(({ key }: Entry) => (options.upper ? key.toUpperCase() : key));
      return { json: names };
    });
    // @ts-expect-error the pattern does not have this name
    handle('BREW', '/pots/:pot', ({ params: { cup } }) => cup);
    handle('BREW', '/coffee', teapot);
    hook('response', (request, response) => ({ ...response, headers: { 'X-Method': request.method } }));
  },
}) satisfies Plugin<{ upper: boolean }>;

/** A class whose constructor parameters name tokens and whose methods are marked. */
class Shelf {
  constructor(@inject(TOKENS.storage) private readonly storage: Storage) {}

  @Handle('TAKE', '/shelf/:key')
  async take({ params: { key } }: Request<{ key: string }>): Promise<string> {
    return (await this.storage.get(key))?.value ?? 'empty';
  }

  // @ts-expect-error a number is not an answer
  @Handle('COUNT', '/shelf')
  count(): number {
    return 1;
  }
}

/** Wraps the built-in adapter and counts commits. */
const counting = defineAdapter({
  name: 'counting',
  create(_options, context): StorageAdapter {
    const inner = memory.create({}, context);
    let commits = 0;
    return {
      name: 'counting',
      supports: { ...inner.supports, watch: false },
      open: () => inner.open(),
      get: (key) => inner.get(key),
      list: (page) => inner.list(page),
      commit: (change) => {
        commits += 1;
        if (commits > 2) throw new StorageError('STORAGE_FULL', 'Two commits are enough.');
        return inner.commit(change);
      },
      close: () => inner.close(),
    };
  },
});

const config: ServerConfig = {
  listen: { port: 0 },
  storage: { adapter: counting },
  plugins: [builtInGet, 'post', 'create', Shelf, { use: keys, options: { upper: true } }],
};
const server = createServer(config);

function equal(one: unknown, other: unknown): void {
  if (one !== other) throw new Error(`${one} is not ${other}`);
}
const create = (body: string): Promise<InjectResponse> =>
  server.inject({ method: 'POST', target: '/create', body });

equal((await create('pear: 1&plum: 2')).status, 200);
equal((await create('apple: 3')).status, 200);
equal((await create('fig: 4')).status, 507);
equal((await server.inject({ method: 'LIST', target: '/keys/p' })).text, '["PEAR","PLUM"]');
equal((await server.inject({ method: 'TAKE', target: '/shelf/apple' })).text, '3');
const brewed = await server.inject({ method: 'BREW', target: '/coffee' });
equal(`${brewed.status} ${brewed.text} ${brewed.headers['x-method']}`, '418 No coffee at /coffee BREW');

const { port } = await server.listen();
for await (const { passed, problems } of runHttpFile(parseHttpFile('# expect 200\nGET /\n', 'inline'), {
  port,
})) {
  equal(passed, true);
  equal(problems.length, 0);
}
await server.close();

const titles: string[] = [];
storageContract(
  (title) => titles.push(title),
  () => memory.create({}, { folder: '/', log: console as never }),
);
equal(titles.length > 40, true);
equal(typeof TOKENS.storage, 'symbol');
equal(jsonFile.name, 'json-file');
console.log('every door of the package opens');
