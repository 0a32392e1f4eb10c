/**
 * A plugin with its own copy of jackfield, which npm installs if the version ranges do not fit: its errors, results and
 * marks are understood, and values that plugins attach to requests reach it.
 */
import { cp, mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { definePlugin } from '../../core/api/plugin.js';
import type { PluginReference, ServerConfig } from '../../core/config/server-config.js';
import { JackfieldError } from '../../core/errors.js';
import { HttpError } from '../../core/handlers/http-error.js';
import { createLog } from '../../core/log.js';
import { createServer } from '../../core/server.js';
import { identity } from '../../plugins/shared/identity.js';
import { tempFolder } from '../core/temp-folder.js';
import { ROOT } from '../repository.js';

const PLUGIN = `
import {
  definePlugin, file, Handle, HttpError, inject, JackfieldError, logFields, StorageError, TOKENS,
} from 'jackfield';
import { identity } from 'jackfield/plugins/auth';

class Own {
  static plugin = { name: 'own' };
  constructor(storage) { this.storage = storage; }
  teapot() { throw new HttpError(418, 'no coffee', { 'X-Kind': 'teapot' }); }
  coded() { throw new JackfieldError('NOT_FOUND'); }
  async stored() { return (await this.storage.get('tea'))?.value ?? 'none'; }
  who(request) { return identity(request)?.name ?? 'nobody'; }
  file() { return file(new URL('./package.json', import.meta.url).pathname); }
  note(request) { logFields.set(request, { note: 'mine' }); throw new Error('to be logged'); }
}
inject(TOKENS.storage)(Own, undefined, 0);
for (const name of ['teapot', 'coded', 'stored', 'who', 'file', 'note']) Handle('GET', '/' + name)(Own.prototype, name);
export default Own;

export const judge = definePlugin({
  name: 'judge',
  setup({ hook }) {
    hook('error', (_, error) => ({
      status: 400,
      body: [HttpError, JackfieldError, StorageError].map((known) => error instanceof known).join(),
    }));
  },
});
export { HttpError, JackfieldError, StorageError };
`;

interface OwnModule {
  readonly default: PluginReference;
  readonly judge: PluginReference;
  readonly HttpError: unknown;
}

/** Writes the module of the plugin beside a second copy of the package. */
async function secondCopy(t: Parameters<typeof tempFolder>[0]): Promise<OwnModule> {
  const folder = await tempFolder(t, {
    'package.json': '{ "type": "module", "version": "1.0.0" }',
    'own.js': PLUGIN,
  });
  const copy = path.join(folder, 'node_modules/jackfield');
  await mkdir(copy, { recursive: true });
  await cp(path.join(ROOT, 'package.json'), path.join(copy, 'package.json'));
  for (const part of ['core', 'plugins', 'storage-adapters'])
    await cp(path.join(ROOT, 'dist', part), path.join(copy, 'dist', part), { recursive: true });
  await symlink(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  return import(path.join(folder, 'own.js'));
}

test('two copies understand each other’s errors, marks, tokens and files', async (t) => {
  const { default: own, judge, HttpError: Theirs } = await secondCopy(t);
  t.not<unknown, unknown>(Theirs, HttpError);
  const throwing = definePlugin({
    name: 'throwing',
    setup({ handle }) {
      handle('GET', '/http', () => {
        throw new HttpError(404, 'ours');
      });
      handle('GET', '/code', () => {
        throw new JackfieldError('NOT_FOUND');
      });
      handle('GET', '/any', () => {
        throw new Error('no');
      });
    },
  });
  const lines: Record<string, unknown>[] = [];
  const log = createLog((line) => void lines.push(JSON.parse(line)));
  const config: ServerConfig = {
    storage: 'memory',
    plugins: [
      {
        use: 'auth',
        options: {
          identities: [
            {
              name: 'ali',
              tokens: ['sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
            },
          ],
          rules: [{ path: '/who', allow: 'identified' }, { allow: 'anyone' }],
        },
      },
      own,
    ],
  };
  const server = createServer(config, { log });
  t.teardown(() => server.close());
  const ask = async (target: string, headers = {}) => {
    const { status, text } = await server.inject({ target, headers });
    return [status, text] as const;
  };
  t.deepEqual(await ask('/teapot'), [418, 'no coffee']);
  t.is((await server.inject({ target: '/teapot' })).headers['x-kind'], 'teapot');
  t.is((await ask('/coded'))[0], 404);
  t.deepEqual(await ask('/stored'), [200, 'none']);
  t.deepEqual(await ask('/who', { Authorization: 'Bearer a' }), [200, 'ali']);
  t.deepEqual(await ask('/file', { Range: 'bytes=0-1' }), [206, '{ ']);
  await ask('/note');
  t.is(lines.at(-1)?.note, 'mine');

  const judged = createServer({ storage: 'memory', plugins: [judge, throwing] });
  t.teardown(() => judged.close());
  const said = async (target: string) => (await judged.inject({ target })).text;
  t.is(await said('/http'), 'true,false,false');
  t.is(await said('/code'), 'false,true,false');
  t.is(await said('/any'), 'false,false,false');
});

test('an error of a base class is not an instance of its subclass', async (t) => {
  class Teapot extends HttpError {}
  t.true(new Teapot(418, '') instanceof HttpError);
  t.true(new Teapot(418, '') instanceof Teapot);
  t.false(new HttpError(418, '') instanceof Teapot);
  t.false((null as unknown) instanceof HttpError);
  t.is(identity({} as never), undefined);
});
