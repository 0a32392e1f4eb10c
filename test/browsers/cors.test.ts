/** What real browsers make of the answers of `cors`, `auth` and cookies, on pages of another origin. */
import test, { type ExecutionContext, type TestFn } from 'ava';
import type { PluginEntry } from '../../core/config/server-config.js';
import { createServer } from '../../core/server.js';
import { hashToken } from '../../plugins/auth.js';
import { browserTest } from '../support/browser.js';
import { plugin } from '../support/raw-client.js';

const TOKEN = 'a-token-of-ann-0123456789';

const pages = plugin('pages', ({ handle }) =>
  handle('GET', '/page', () => ({
    headers: { 'Content-Type': 'text/html', 'Set-Cookie': 'session=yes; SameSite=Lax' },
    body: '<!doctype html><title>page</title><body>',
  })),
);

const api = plugin('api', ({ handle }) => {
  handle('GET', '/data', ({ headers }) => ({
    headers: { 'X-Secret': 'seen', 'X-Hidden': 'too' },
    body: headers.cookie ?? 'no cookie',
  }));
  handle('PUT', '/data', async (request) => `${request.headers['x-own']} ${await request.text()}`);
  handle('DELETE', '/data', () => ({ status: 204 }));
});

async function listening(t: ExecutionContext, plugins: readonly PluginEntry[]): Promise<number> {
  const server = createServer({ listen: { port: 0 }, storage: 'memory', plugins });
  t.teardown(() => server.close());
  return (await server.listen()).port;
}

/** Fetches in the page; the text of the answer with its status and fields, or the name of the error. */
const asking = (
  url: string,
  init: object = {},
): string => `fetch(${JSON.stringify(url)}, ${JSON.stringify(init)})
  .then(async (answer) => ({
    status: answer.status, text: await answer.text(), secret: answer.headers.get('x-secret'), hidden: answer.headers.get('x-hidden'),
  }), ({ name }) => name)`;

// One browser at a time. The type lacks only members that `browserTest` does not use.
const serial = test.serial as unknown as TestFn;

for (const name of ['chromium', 'firefox'] as const) {
  browserTest(
    serial,
    name,
    'a page of an allowed origin reads, one of another does not',
    async (t, browser) => {
      const allowed = await listening(t, [pages]);
      const other = await listening(t, [pages]);
      const options = {
        origins: [`http://127.0.0.1:${allowed}`],
        headers: ['X-Own'],
        exposedHeaders: ['X-Secret'],
        credentials: true,
      };
      const port = await listening(t, [{ use: 'cors', options }, api, 'end']);
      const url = `http://127.0.0.1:${port}/data`;

      await browser.goto(`http://127.0.0.1:${allowed}/page`);
      t.deepEqual(await browser.evaluate(asking(url)), {
        status: 200,
        text: 'no cookie',
        secret: 'seen',
        // Not among the exposed ones.
        hidden: null,
      });
      t.like(await browser.evaluate(asking(url, { credentials: 'include' })), { text: 'session=yes' });
      const put = { method: 'PUT', headers: { 'X-Own': 'mine' }, body: 'sent' };
      t.like(await browser.evaluate(asking(url, put)), { status: 200, text: 'mine sent' });
      t.like(await browser.evaluate(asking(url, { method: 'DELETE' })), { status: 204 });
      // A field that the options do not name, and a method that nothing handles.
      t.is(await browser.evaluate(asking(url, { ...put, headers: { 'X-Strange': 'x' } })), 'TypeError');
      t.is(await browser.evaluate(asking(url, { method: 'PATCH' })), 'TypeError');
      // An error can be read too.
      t.like(await browser.evaluate(asking(`http://127.0.0.1:${port}/nowhere`)), { status: 404 });
      t.like(await browser.evaluate(asking(`http://127.0.0.1:${port}/`, { method: 'END' })), { status: 403 });

      await browser.goto(`http://127.0.0.1:${other}/page`);
      for (const init of [{}, { credentials: 'include' }, put, { method: 'DELETE' }])
        t.is(await browser.evaluate(asking(url, init)), 'TypeError');
    },
  );

  browserTest(
    serial,
    name,
    'with origins "*" every page reads, none with cookies, and none ends the server',
    async (t, browser) => {
      const page = await listening(t, [pages]);
      const port = await listening(t, [{ use: 'cors', options: { origins: '*' } }, api, 'end']);
      const url = `http://127.0.0.1:${port}/data`;
      await browser.goto(`http://127.0.0.1:${page}/page`);
      t.like(await browser.evaluate(asking(url)), { status: 200, text: 'no cookie' });
      t.is(await browser.evaluate(asking(url, { credentials: 'include' })), 'TypeError');
      t.like(await browser.evaluate(asking(`http://127.0.0.1:${port}/`, { method: 'END' })), { status: 403 });
      t.like(await browser.evaluate(asking(url)), { status: 200 });
    },
  );

  browserTest(
    serial,
    name,
    'a preflight passes auth, and the request itself needs credentials',
    async (t, browser) => {
      const page = await listening(t, [pages]);
      const cors = { origins: [`http://127.0.0.1:${page}`], headers: ['Authorization'], credentials: true };
      const auth = { identities: [{ name: 'ann', tokens: [hashToken(TOKEN)] }] };
      const port = await listening(t, [{ use: 'cors', options: cors }, { use: 'auth', options: auth }, api]);
      const url = `http://127.0.0.1:${port}/data`;
      await browser.goto(`http://127.0.0.1:${page}/page`);
      t.like(await browser.evaluate(asking(url, { method: 'DELETE' })), { status: 401 });
      const headers = { Authorization: `Bearer ${TOKEN}` };
      t.like(await browser.evaluate(asking(url, { method: 'DELETE', headers })), { status: 204 });
    },
  );
}
