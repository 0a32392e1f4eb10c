/** `jackfield store import`: checks an export completely, then puts its entries into a store and reads them back. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { JackfieldError } from '../../errors.js';
import type { Command } from '../command.js';
import { copyInto, mustBeKept } from './copy.js';
import { readExport } from './export-file.js';
import { hasNoRoom, readFault, writeFault } from './file-fault.js';
import { configuredStore } from './named-store.js';
import { printCopy } from './report-copy.js';
import { stoppable, withOpen } from './stoppable.js';

export const importStore: Command = {
  name: 'store import',
  summary: 'check an export and add its entries to the store, in their order; "-" reads stdin',
  takes: ['FILE'],
  flags: ['config', 'resume', 'merge', 'json'],
  examples: ['jackfield store import backup.ndjson', 'jackfield store import backup.ndjson --resume'],
  async run({ flags, given: [file = ''] }, around) {
    const store = await configuredStore(flags, around, false);
    const { resume, merge } = flags;
    const copy = await stoppable(around, (signal, progress) =>
      asFile(file === '-' ? undefined : resolve(around.cwd, file), signal, async (path) => {
        // Check the whole export, with count and hash, before anything is stored.
        let checked = 0;
        for await (const _ of readExport(octetsOf(path, signal))) progress.tell('read', ++checked);
        return withOpen(store.door, () =>
          copyInto(store.door, () => readExport(octetsOf(path, signal)), { resume, merge, signal, progress }),
        );
      }),
    );
    await mustBeKept(copy, store, () => configuredStore(flags, around, false));
    printCopy(copy, { from: file, to: store.called }, flags, around.stdout);
    return 0;
  },
};

/** Errors: EXPORT_UNREADABLE. */
async function* octetsOf(path: string, signal: AbortSignal): AsyncGenerator<Buffer, void> {
  const stream = createReadStream(path, { highWaterMark: 262_144 });
  try {
    for await (const piece of stream) {
      signal.throwIfAborted();
      // A stream without an encoding yields buffers.
      yield piece as Buffer;
    }
  } catch (cause) {
    if (cause instanceof JackfieldError) throw cause;
    throw readFault(cause, path);
  }
}

/** The export is read twice, which stdin and pipes do not allow, so they are copied to a temporary file. */
async function asFile<T>(
  path: string | undefined,
  signal: AbortSignal,
  work: (path: string) => Promise<T>,
): Promise<T> {
  // Reading an unreadable file reports the error later.
  const isFile =
    path !== undefined &&
    (await stat(path).then(
      (found) => found.isFile(),
      () => true,
    ));
  if (path !== undefined && isFile) return work(path);
  const from = path === undefined ? process.stdin : createReadStream(path);
  const beginning = join(tmpdir(), 'jackfield-import-');
  const folder = await mkdtemp(beginning).catch((cause: unknown) => {
    throw writeFault(cause, beginning);
  });
  try {
    const copy = join(folder, 'export.ndjson');
    await pipeline(from, createWriteStream(copy, { mode: 0o600 }), { signal }).catch((cause: unknown) => {
      signal.throwIfAborted();
      // Only writing the copy can run out of space, so name the copy in the error.
      throw hasNoRoom(cause) ? writeFault(cause, copy) : readFault(cause, path ?? 'stdin');
    });
    return await work(copy);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
