/** Real faults of a real kernel: a file system without room, and a sync that fails. */
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

/** A file system of 1 MiB; undefined where this machine lets us make none. */
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
if (tiny === undefined) console.log('Left out: a full file system, since none can be mounted here.');
else {
  test.after.always(() => {
    execFileSync('umount', [tiny], quietly);
    rmdirSync(tiny);
  });

  test.serial(
    'a file system without room refuses whole commits, keeps all others, and takes more when there is room',
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
    'a process killed at any moment on a disk that is full again and again has lost nothing that it acknowledged',
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
        // In every other round the disk becomes full while the process writes, and stays so for a while.
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
        // Killed again while it recovers, as likely as not without room for what it would put right.
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

/** How commits are synced: most by the write itself; with room that is made for them, by a call of its own. */
const SYNCS = { pwrite64: 20, fdatasync: 1 };

for (const [call, when] of Object.entries(SYNCS)) {
  if (!canTrace(call)) {
    console.log(`Left out: a failing ${call}, since strace cannot inject one here.`);
    continue;
  }
  test(`a ${call} that fails with EIO is an unknown outcome, and nothing is written behind it`, async (t) => {
    const { path } = await freshFolder(t);
    const program = fileURLToPath(new URL('./writer.js', import.meta.url));
    // One call of a thread fails, and that one alone: what follows must not be tried on the journal.
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
      // strace and what it traces.
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
