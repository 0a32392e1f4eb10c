/** `HandleOptions.refused`: a handler's own form of refusals. */
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

test('it replaces what a hook or an error refuses, not what the handler answers', async (t) => {
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
  // One that fails leaves the refusal as it was, and is named in the log.
  t.like(await get('/own/fine?hook=strange'), { status: 403, body: 'strange' });
  t.true(log.some(({ plugin }) => plugin === 'own'));
});

test('it runs for requests to its own method and pattern alone', async (t) => {
  const { connect } = await serve(t, { plugins: [{ use: own }, { use: hooks }] });
  const client = await connect();
  client.send(request('POST /own/fine?hook=no'));
  t.is((await client.response()).status, 403);
});
