/** `jackfield store export`: writes every entry as a line of JSON, to a file or to stdout. */
import { type FileHandle, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { JackfieldError, systemCode } from '../../errors.js';
import type { StorageDoor } from '../../storage/storage-door.js';
import { syncFile } from '../../storage/sync-file.js';
import type { Command, Output } from '../command.js';
import { ExportWriter } from './export-file.js';
import { writeFault } from './file-fault.js';
import { configuredStore, tellUnseen } from './named-store.js';
import { pagesOf } from './pages.js';
import { entryCount, type Progress } from './progress.js';
import { stoppable, withOpen } from './stoppable.js';

export const exportStore: Command = {
  name: 'store export',
  summary: 'write all entries to a file of JSON lines, or to stdout with "-"',
  takes: ['FILE'],
  flags: ['config', 'json'],
  flagHelp: { json: 'print a report about the export in JSON' },
  examples: ['jackfield store export backup.ndjson', 'jackfield store export - | gzip > backup.ndjson.gz'],
  async run({ flags, given: [file = ''] }, around) {
    const store = await configuredStore(flags, around, true);
    const toStdout = file === '-';
    const done = await stoppable(around, (signal, progress) =>
      withOpen(store.door, () => {
        const write = (sink: Sink) => writeExport(store.door, sink, signal, progress);
        return toStdout ? write(sinkOf(around.stdout)) : intoFile(resolve(around.cwd, file), write);
      }),
    );
    if (done.changedMeanwhile) {
      around.stderr.write(
        'jackfield: the store was changed during the export; the export has each entry as it was when its page was read\n',
      );
    }
    tellUnseen(store.door, done.entries, around.stderr);
    // Stdout has the export itself.
    if (toStdout) return 0;
    if (flags.json === true) around.stdout.write(`${JSON.stringify({ file, ...done }, null, 2)}\n`);
    else around.stdout.write(`${entryCount(done.entries)} exported to ${file}, SHA-256 ${done.sha256}\n`);
    return 0;
  },
};

type Sink = (text: string) => Promise<void>;

interface Exported {
  readonly entries: number;
  readonly sha256: string;
  readonly changedMeanwhile: boolean;
}

async function writeExport(
  door: StorageDoor,
  sink: Sink,
  signal: AbortSignal,
  progress: Progress,
): Promise<Exported> {
  const writer = new ExportWriter();
  const before = await door.revision?.();
  await sink(writer.header(door.name));
  let entries = 0;
  for await (const page of pagesOf(door, signal)) {
    await sink(writer.page(page));
    entries += page.length;
    progress.tell('exported', entries);
  }
  signal.throwIfAborted();
  const { line, sha256 } = writer.trailer();
  await sink(line);
  return { entries, sha256, changedMeanwhile: (await door.revision?.()) !== before };
}

/** The file appears only when it is complete and on disk; until then an existing file stays. */
async function intoFile<T>(given: string, write: (sink: Sink) => Promise<T>): Promise<T> {
  const path = await linkedFrom(given);
  const existing = await stat(path).catch(() => undefined);
  // Write into a pipe or a device (`/dev/stdout`); never replace it.
  if (existing !== undefined && !existing.isFile() && !existing.isDirectory()) return into(path, write);
  const partial = `${path}.partial-${process.pid}`;
  // Entries may be private, so only the owner can read a new file. An existing file keeps its mode.
  const mode = existing === undefined ? 0o600 : existing.mode & 0o777;
  const file = await guarded(path, () => open(partial, 'wx', mode));
  try {
    // The umask of the process may have removed bits of the mode.
    if (existing !== undefined) await guarded(path, () => file.chmod(mode));
    const result = await write((text) => guarded(path, () => file.writeFile(text)));
    await guarded(path, () => sealed(file, partial, path));
    return result;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(partial, { force: true });
    throw error;
  }
}

/** The limit of Linux. */
const MAX_LINKS = 40;

/** The target of a symbolic link is replaced, not the link, even if the target does not exist yet. */
async function linkedFrom(given: string): Promise<string> {
  let path = given;
  for (let links = 0; links < MAX_LINKS; links += 1) {
    const folder = await realpath(dirname(path)).catch(() => dirname(path));
    path = resolve(folder, basename(path));
    const target = await readlink(path).catch(() => undefined);
    if (target === undefined) return path;
    path = resolve(folder, target);
  }
  throw new JackfieldError('EXPORT_UNREADABLE', `${given} is a symbolic link that leads in a circle.`);
}

async function into<T>(path: string, write: (sink: Sink) => Promise<T>): Promise<T> {
  const file = await guarded(path, () => open(path, 'w'));
  try {
    return await write((text) => guarded(path, () => file.writeFile(text)));
  } finally {
    await file.close().catch(() => {});
  }
}

async function sealed(file: FileHandle, partial: string, path: string): Promise<void> {
  await syncFile(file);
  await file.close();
  await rename(partial, path);
  const folder = await open(dirname(path), 'r');
  await syncFile(folder).finally(() => folder.close());
}

/** Errors: EXPORT_UNREADABLE. */
async function guarded<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw writeFault(cause, path);
  }
}

/** Waits while the reader is slower than the store. */
function sinkOf(output: Output): Sink {
  return async (text) => {
    const failed = await new Promise<unknown>((resolve) => {
      if (isStream(output)) output.write(text, resolve);
      else resolve(void output.write(text));
    });
    if (failed instanceof Error) throw outputFault(failed);
  };
}

/** A reader that has closed the pipe (`… | head -1`) does not want the rest. */
function outputFault(cause: Error): JackfieldError {
  const isGone = ['EPIPE', 'ERR_STREAM_DESTROYED'].includes(systemCode(cause));
  return isGone
    ? new JackfieldError('INTERRUPTED', 'The reader of stdout has closed the pipe.', { cause })
    : writeFault(cause, 'stdout');
}

function isStream(output: Output): output is NodeJS.WritableStream {
  return 'once' in output;
}
