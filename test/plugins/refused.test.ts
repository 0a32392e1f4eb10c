/** `HandleOptions.refused`: a handler replaces refusals by its own answers. */
import test from 'ava';
import { definePlugin } from '../../core/plugin-api.js';
import { handlers, request, serve } from '../support/raw-client.js';

const own = definePlugin({
  name: 'own',
  setup({ handle }) {
    handle(
      'GET',
      '/own/:what',
      ({ params }) => {
        if (params.what === 'throws') throw new Error('inside');
        return params.what === 'says' ? { status: 503, body: 'its own' } : 'fine';
      },
      {
        refused: (_request, { status, body }) => {
          if (body === 'strange') throw new Error('refused failed');
          return { status: 200, body: `not ${status}: ${String(body)}` };
        },
      },
    );
  },
});

const hooks = definePlugin({
  name: 'hooks',
  setup({ hook }) {
    hook('request', ({ query }) => {
      const body = query.get('hook');
      return body === null ? undefined : { status: 403, body };
    });
  },
});

test('it replaces refusals by hooks and errors, but no answer of the handler', async (t) => {
  for (const plugins of [[own], [own, hooks]]) {
    const { get } = await serve(t, { plugins: plugins.map((plugin) => ({ use: plugin })) });
    t.like(await get('/own/fine'), { status: 200, body: 'fine' });
    t.like(await get('/own/says'), { status: 503, body: 'its own' });
    t.like(await get('/own/throws'), {
      status: 200,
      body: 'not 500: The handler failed; the server log has the reason.',
    });
  }
  const { get, log } = await serve(t, {
    plugins: [{ use: own }, { use: hooks }, { use: handlers({ 'GET /other': () => 'x' }) }],
  });
  t.like(await get('/own/fine?hook=no'), { status: 200, body: 'not 403: no' });
  t.like(await get('/other?hook=no'), { status: 403, body: 'no' });
  // If it fails, the refusal stays as it was, and the log names the plugin.
  t.like(await get('/own/fine?hook=strange'), { status: 403, body: 'strange' });
  t.true(log.some(({ plugin }) => plugin === 'own'));
});

test('it runs only for requests of its own method and pattern', async (t) => {
  const { connect } = await serve(t, { plugins: [{ use: own }, { use: hooks }] });
  const client = await connect();
  client.send(request('POST /own/fine?hook=no'));
  t.is((await client.response()).status, 403);
});
