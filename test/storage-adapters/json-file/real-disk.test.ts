/** Faults of a real kernel: a full file system, and a failed sync. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { verify } from '../../../storage-adapters/json-file/operator.js';
import { freshFolder, opened, otherProcess, outcomeOf, pairsOf, puts, storedIn } from './helpers.js';

const quietly = { stdio: 'ignore' } as const;

/** A file system of 1 MiB; undefined if this machine does not let us create one. */
function tinyFileSystem(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'jackfield-tiny-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], quietly);
    return folder;
  } catch {
    rmdirSync(folder);
    return undefined;
  }
}

function canTrace(call: string): boolean {
  try {
    execFileSync('strace', ['-f', '-o', '/dev/null', '-e', `inject=${call}:error=EIO`, 'true'], quietly);
    return true;
  } catch {
    return false;
  }
}

const tiny = tinyFileSystem();
if (tiny === undefined) console.log('Skipped: a full file system, because none can be mounted here.');
else {
  test.after.always(() => {
    execFileSync('umount', [tiny], quietly);
    rmdirSync(tiny);
  });

  test.serial(
    'a full file system refuses whole commits, keeps all others, and accepts more when there is space',
    async (t) => {
      const path = join(tiny, 'data.json');
      const filler = join(tiny, 'filler');
      await writeFile(filler, Buffer.alloc(600_000));
      const adapter = await opened(t, { path });
      const stored: string[][] = [];
      let refused = 0;
      for (let number = 0; number < 400; number += 1) {
        const [key, value] = [`key ${number}`, 'x'.repeat(3_000)];
        const outcome = await outcomeOf(() => adapter.commit(puts({ [key]: value })));
        if (outcome === 'ok') stored.push([key, value]);
        else {
          t.is(outcome, 'STORAGE_FULL');
          refused += 1;
        }
      }
      t.true(refused > 0 && stored.length > 0);
      t.deepEqual(await pairsOf(adapter), stored);
      t.deepEqual(await storedIn(path), stored);
      await rm(filler);
      t.is(await outcomeOf(() => adapter.commit(puts({ again: 'room' }))), 'ok');
      stored.push(['again', 'room']);
      await adapter.close();
      t.deepEqual(await pairsOf(await opened(t, { path })), stored);
    },
  );

  test.serial(
    'a process killed at any moment on a disk that fills up repeatedly loses no acknowledged commit',
    async (t) => {
      const path = join(tiny, 'killed.json');
      const filler = join(tiny, 'filler of the killed');
      const acknowledged = new Set<string>();
      let next = 0;
      let refused = 0;
      for (let round = 0; round < 8; round += 1) {
        const writer = otherProcess(t, path, String(next), 'merging');
        t.is(await writer.line(), 'opened');
        const read = async () => {
          const line = (await writer.line()) ?? '';
          if (line.startsWith('failed: ')) refused += 1;
          else acknowledged.add(line);
        };
        for (let lines = Math.floor(Math.random() * 40); lines > 0; lines -= 1) await read();
        // In every other round the disk fills up while the process writes, and stays full for a while.
        if (round % 2 === 1) {
          await writeFile(filler, Buffer.alloc(1_048_576)).catch(() => {});
          const enough = refused + 1 + Math.floor(Math.random() * 10);
          while (refused < enough) await read();
        }
        writer.kill('SIGKILL');
        for (let line = await writer.line(); line !== undefined; line = await writer.line()) {
          if (!line.startsWith('failed: ')) acknowledged.add(line);
        }
        await writer.ended;
        // Killed again during recovery, often without space for its repairs.
        const starting = otherProcess(t, path, 'hold', 'merging');
        if (round % 3 === 0) await starting.line();
        starting.kill('SIGKILL');
        await starting.ended;
        await rm(filler, { force: true });
        const keys = (await storedIn(path)).map(([key]) => key ?? '');
        const found = new Set(keys);
        for (const key of acknowledged) {
          if (!found.has(key) || !found.has(`${key} too`)) t.fail(`${key} was acknowledged and is gone`);
        }
        for (const key of keys) {
          if (!key.endsWith('too') && !found.has(`${key} too`)) t.fail(`${key} is half a commit`);
        }
        next = Math.max(-1, ...keys.map((key) => Number.parseInt(key, 10))) + 1;
        for (const name of await readdir(tiny)) if (name.includes('.torn-')) await rm(join(tiny, name));
      }
      t.true(acknowledged.size > 0 && refused > 0, `${acknowledged.size} acknowledged, ${refused} refused`);
      t.like(await verify(path), { sound: true });
    },
  );
}

/** How commits are synced: most by the write itself; with reserved space by a separate call. */
const SYNCS = { pwrite64: 20, fdatasync: 1 };

for (const [call, when] of Object.entries(SYNCS)) {
  if (!canTrace(call)) {
    console.log(`Skipped: a failing ${call}, because strace cannot inject one here.`);
    continue;
  }
  test(`after a ${call} that fails with EIO the outcome is unknown, and nothing more is written`, async (t) => {
    const { path } = await freshFolder(t);
    const program = fileURLToPath(new URL('./writer.js', import.meta.url));
    // Only one call of a thread fails: the journal must not be used after it.
    const inject = [
      '-f',
      '-o',
      join(path, '..', 'trace'),
      '-P',
      `${path}.journal.1`,
      '-e',
      `trace=${call}`,
      '-e',
      `inject=${call}:error=EIO:when=${when}`,
    ];
    const writer = spawn('strace', [...inject, process.execPath, program, path, '0'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    t.teardown(() => {
      // strace and its child.
      if (writer.exitCode === null && writer.signalCode === null) process.kill(-(writer.pid ?? 0), 'SIGKILL');
    });
    const acknowledged: string[] = [];
    const failures: string[] = [];
    for await (const line of createInterface({ input: writer.stdout })) {
      if (line.startsWith('failed: ')) failures.push(line);
      else if (line !== 'opened') acknowledged.push(line);
      if (failures.length > 12) break;
    }
    process.kill(-(writer.pid ?? 0), 'SIGKILL');
    await once(writer, 'close');
    t.regex(failures[0] ?? '', /It is unknown .* sync failed: EIO/);
    t.regex(failures.at(-1) ?? '', /nothing was changed\. Nothing is written until/);
    const found = new Map((await storedIn(path)).map(([key, value]) => [key, value]));
    t.true(acknowledged.length > 0);
    for (const key of acknowledged) t.is(found.get(`${key} too`), key);
  });
}
