/** Whatever one plugin does wrong, at whatever place: it is named, and no other exchange is any the worse for it. */
import test from 'ava';
import { createLog, createServer, definePlugin, type Hooks, type PluginContext } from '../../core/index.js';

const STAGES = [
  'request',
  'handler',
  'response',
  'error',
  'close',
] as const satisfies readonly (keyof Hooks)[];

/** What a handler or a hook does instead of its work. */
const FAULTS = {
  throws: () => {
    throw new Error('no way');
  },
  rejects: async () => {
    throw new Error('no way');
  },
  'throws what is no error': () => {
    throw null;
  },
  'rejects with nothing': () => Promise.reject(),
  'returns what is no answer': () => 42,
  'promises what is no answer': async () => ({ status: 'fine' }),
  'returns a thenable that throws': () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is the fault.
    then() {
      throw new Error('no way');
    },
  }),
  'returns a getter that throws': () => ({
    get status() {
      throw new Error('no way');
    },
  }),
  hangs: () => new Promise(() => {}),
} as const satisfies Readonly<Record<string, () => unknown>>;

type Fault = keyof typeof FAULTS;

/** Answers `/well`, and every path that is not found. */
const good = definePlugin({
  name: 'good',
  setup({ handle }) {
    handle('GET', '/well', () => 'well');
    handle('GET', '/found', () => 'found');
  },
});

function setUp(
  setup: (context: PluginContext<Record<string, never>>) => void,
  t: { teardown(fn: () => void): void },
) {
  const lines: Record<string, unknown>[] = [];
  const culprit = definePlugin({ name: 'culprit', setup });
  const server = createServer(
    { storage: 'memory', plugins: [good, culprit], limits: { handlerTimeoutMs: 40 } },
    { log: createLog((line) => lines.push(JSON.parse(line))) },
  );
  t.teardown(() => server.close());
  const get = async (target: string) => {
    const { status, text } = await server.inject({ target });
    return `${status} ${text}`;
  };
  return { get, lines };
}

const blamed = (lines: readonly Record<string, unknown>[]): unknown[] =>
  lines.filter(({ level }) => level === 'error').map(({ plugin }) => plugin);

for (const [name, fault] of Object.entries(FAULTS)) {
  test(`a handler that ${name}: it alone is answered 500 or 503, under its name`, async (t) => {
    const { get, lines } = setUp(({ handle }) => handle('GET', '/ill', fault as () => never), t);
    const ill = get('/ill');
    t.is(await get('/well'), '200 well');
    t.regex(await ill, name === 'hangs' ? /^503 / : /^500 /);
    t.is(await get('/well'), '200 well');
    t.deepEqual(blamed(lines), ['culprit']);
  });
}

for (const stage of STAGES) {
  for (const [name, fault] of Object.entries(FAULTS) as [Fault, () => unknown][]) {
    test(`a ${stage} hook that ${name}: one exchange is spoilt at the most, under its name`, async (t) => {
      const ill = stage === 'error' ? '/nowhere' : '/found';
      const { get, lines } = setUp(({ hook }) => {
        const work = ({ path }: { path: string }): unknown => (path === ill ? fault() : undefined);
        hook(stage, work as never);
      }, t);
      const spoilt = get(ill);
      t.is(await get('/well'), '200 well');
      const answer = await spoilt;
      if (stage === 'close') t.is(answer, '200 found');
      // What its error is told as stays, where a hook of errors fails.
      else if (stage === 'error' && name !== 'hangs') t.regex(answer, /^404 /);
      else t.regex(answer, name === 'hangs' ? /^503 / : /^500 /);
      t.is(await get('/well'), '200 well');
      // What a close hook returns is ignored, and nobody waits for it.
      const ignored =
        stage === 'close' && (name.includes('no answer') || name.includes('getter') || name === 'hangs');
      await new Promise(setImmediate);
      t.deepEqual(blamed(lines), ignored ? [] : ['culprit']);
    });
  }
}

const STARTS: Readonly<Record<string, (context: PluginContext<Record<string, never>>) => unknown>> = {
  throws: FAULTS.throws,
  rejects: FAULTS.rejects,
  'throws what is no error': FAULTS['throws what is no error'],
  hangs: FAULTS.hangs,
};

for (const [name, fault] of Object.entries(STARTS)) {
  test(`a set-up that ${name}: named, what was up is closed in reverse, nothing listens, its signal is aborted`, async (t) => {
    const closed: string[] = [];
    const up = (plugin: string) =>
      definePlugin({ name: plugin, setup: ({ onClose }) => onClose(() => void closed.push(plugin)) });
    let signal: AbortSignal | undefined;
    const culprit = definePlugin({
      name: 'culprit',
      setup(context) {
        signal = context.signal;
        context.onClose(() => void closed.push('culprit'));
        return fault(context) as undefined;
      },
    });
    const server = createServer({
      listen: { port: 0 },
      storage: 'memory',
      plugins: [up('one'), up('two'), culprit, up('never')],
      limits: { setupTimeoutMs: 60 },
    });
    await t.throwsAsync(server.listen(), {
      code: name === 'hangs' ? 'PLUGIN_SETUP_TIMEOUT' : 'PLUGIN_SETUP_FAILED',
      message: /"culprit"/,
    });
    t.deepEqual(closed, ['culprit', 'two', 'one']);
    t.deepEqual(server.addresses, []);
    t.true(signal?.aborted);
  });

  test(`a function given to onClose that ${name}: named, and the others are run`, async (t) => {
    const closed: string[] = [];
    const lines: Record<string, unknown>[] = [];
    const culprit = definePlugin({
      name: 'culprit',
      setup(context) {
        context.onClose(() => void closed.push('first'));
        context.onClose(() => fault(context) as undefined);
        context.onClose(() => void closed.push('last'));
      },
    });
    const other = definePlugin({
      name: 'other',
      setup: ({ onClose }) => onClose(() => void closed.push('other')),
    });
    const server = createServer(
      { storage: 'memory', plugins: [other, culprit], limits: { setupTimeoutMs: 40 } },
      { log: createLog((line) => lines.push(JSON.parse(line))) },
    );
    await server.ready();
    await server.close();
    t.deepEqual(closed, ['last', 'first', 'other']);
    t.deepEqual(blamed(lines), ['culprit']);
  });
}
