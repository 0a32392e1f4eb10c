import test from 'ava';
import { createLog, type LogLevel } from '../../core/log.js';

function logged(lowest: LogLevel = 'debug') {
  const lines: Record<string, unknown>[] = [];
  return { lines, log: createLog((line) => lines.push(JSON.parse(line)), lowest) };
}

test('a line is one JSON object with level, time, message and fields', (t) => {
  const { lines, log } = logged();
  log.info({ path: '/' }, 'asked');
  log.warn('only words');
  t.like(lines[0], { level: 'info', message: 'asked', path: '/' });
  t.regex(String(lines[0]?.time), /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
  t.like(lines[1], { level: 'warn', message: 'only words' });
});

test('lines below the lowest level are omitted', (t) => {
  const { lines, log } = logged('warn');
  log.debug('no');
  log.info('no');
  log.error('yes');
  t.deepEqual(
    lines.map(({ message }) => message),
    ['yes'],
  );
});

test('a child adds its fields to every line, also in its own children', (t) => {
  const { lines, log } = logged();
  log.child({ plugin: 'a' }).child({ entry: 1 }).info('x');
  t.like(lines[0], { plugin: 'a', entry: 1 });
});

test('an error has code, message, stack and cause, under the name that pino uses', (t) => {
  const { lines, log } = logged();
  const cause = new Error('disk');
  log.error({ err: Object.assign(new Error('no write', { cause }), { code: 'EIO' }) }, 'failed');
  t.like(lines[0], { err: { code: 'EIO', message: 'no write', cause: { message: 'disk' } } });
  t.regex(String((lines[0]?.err as { stack?: string } | undefined)?.stack), /log\.test/);
});

test('a field without JSON does not cause a second fault', (t) => {
  const { lines, log } = logged();
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  log.info({ circle }, 'round');
  log.info({ size: 10n }, 'large');
  t.like(lines[0], { message: 'round' });
  t.like(lines[1], { message: 'large', size: '10' });
});
