/** Real faults of a real kernel: a file system without room, and a sync that fails. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { freshFolder, opened, outcomeOf, pairsOf, puts, storedIn } from './helpers.js';

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

function canTrace(): boolean {
  try {
    execFileSync('strace', ['-f', '-o', '/dev/null', '-e', 'inject=fdatasync:error=EIO', 'true'], quietly);
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

  test('a file system without room refuses whole commits, keeps all others, and takes more when there is room', async (t) => {
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
  });
}

if (!canTrace()) console.log('Left out: a failing fdatasync, since strace cannot inject one here.');
else {
  test('an fdatasync that fails with EIO is an unknown outcome, and nothing is written behind it', async (t) => {
    const { path } = await freshFolder(t);
    const program = fileURLToPath(new URL('./writer.js', import.meta.url));
    // The fifth sync of the journal fails, and that one alone: what follows must not be tried on it.
    const inject = [
      '-f',
      '-o',
      join(path, '..', 'trace'),
      '-e',
      'trace=fdatasync',
      '-e',
      'inject=fdatasync:error=EIO:when=5',
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
    t.regex(failures[0] ?? '', /cannot be known .* a sync failed: EIO/);
    t.regex(failures.at(-1) ?? '', /nothing was changed\. Nothing is written since/);
    const found = new Map((await storedIn(path)).map(([key, value]) => [key, value]));
    t.true(acknowledged.length > 0);
    for (const key of acknowledged) t.is(found.get(`${key} too`), key);
  });
}
