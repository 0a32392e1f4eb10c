/** The writer over a handle that the test controls. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import test from 'ava';
import { DirectWriter } from '../../../core/connection/direct-write.js';

type Complete = { oncomplete?: (status: number) => void };

class Handle {
  writeQueueSize = 0;
  status = 0;
  readonly written: string[] = [];
  /** The request of the last write. */
  request: Complete = {};

  writeLatin1String(request: Complete, text: string): number {
    this.request = request;
    this.written.push(text);
    return this.status;
  }
}

function under(): {
  handle: Handle;
  socket: Socket & { destroyed: boolean };
  writer: DirectWriter;
  drained: () => number;
} {
  const handle = new Handle();
  let drained = 0;
  const socket = Object.assign(new EventEmitter(), {
    writableLength: 0,
    writableEnded: false,
    destroyed: false,
    destroy() {
      this.destroyed = true;
    },
  }) as unknown as Socket & { destroyed: boolean };
  const writer = DirectWriter.over(handle, socket, () => void drained++)!;
  // The first write of the stream shows what a request is, whatever it writes.
  handle.writeLatin1String({}, 'of the stream');
  handle.written.length = 0;
  return { handle, socket, writer, drained: () => drained };
}

test('if the system accepts a write at once, there is room for more', (t) => {
  const { handle, writer, drained } = under();
  t.is(writer.write('a'), true);
  t.is(writer.write('b'), true);
  t.deepEqual(handle.written, ['a', 'b']);
  t.is(drained(), 0);
});

test('queued octets block, and the stream writes until they are sent', (t) => {
  const { handle, socket, writer, drained } = under();
  handle.writeQueueSize = 1;
  t.is(writer.write('a'), false);
  t.is(writer.write('b'), undefined);
  handle.writeQueueSize = 0;
  handle.request.oncomplete?.(0);
  t.is(drained(), 1);
  t.is(writer.write('c'), true);
  t.deepEqual(handle.written, ['a', 'c']);
  t.false(socket.destroyed);
});

test('a queued write that fails ends the connection: nothing may follow a lost part', (t) => {
  const { handle, socket, writer, drained } = under();
  handle.writeQueueSize = 1;
  t.is(writer.write('a'), false);
  handle.request.oncomplete?.(-12);
  t.true(socket.destroyed);
  t.is(drained(), 1, 'who waits for room learns that there is nothing to wait for');
  t.is(writer.write('b'), undefined, 'a destroyed socket refuses in its own way');
  t.deepEqual(handle.written, ['a']);
});

test('a write that fails at once ends the connection', (t) => {
  const { handle, socket, writer } = under();
  handle.status = -32;
  t.is(writer.write('a'), true);
  t.true(socket.destroyed);
});

test('octets in the stream go first, and the stream writes long and late texts', (t) => {
  const { handle, socket, writer } = under();
  t.is(writer.write('x'.repeat(16_385)), undefined);
  t.is(writer.write('x'.repeat(16_384)), true);
  Object.assign(socket, { writableLength: 1 });
  t.is(writer.write('a'), undefined);
  Object.assign(socket, { writableLength: 0, writableEnded: true });
  t.is(writer.write('a'), undefined);
  t.is(handle.written.length, 1);
});

test('an unexpected handle is left to the stream', (t) => {
  const socket = new EventEmitter() as Socket;
  for (const handle of [{}, { writeLatin1String: 1, writeQueueSize: 0 }, { writeLatin1String: () => 0 }])
    t.is(
      DirectWriter.over(handle, socket, () => {}),
      undefined,
    );
});
