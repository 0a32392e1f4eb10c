/**
 * Whether there is room for one more write. LMDB calls a write that was cut short EIO, the same as a broken disk, and
 * the first write that meets a full disk is mostly cut short.
 */
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const PROBE_OCTETS = 65_536;

export function hasNoRoom(path: string): boolean {
  const probe = join(path, `room-probe-${process.pid}`);
  try {
    // At the same offset, so that a limit to the size of files is met too; what lies before it takes no room.
    const { size } = statSync(join(path, 'data.mdb'));
    const file = openSync(probe, 'w');
    try {
      return writeSync(file, Buffer.alloc(PROBE_OCTETS, 1), 0, PROBE_OCTETS, size) < PROBE_OCTETS;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  } finally {
    rmSync(probe, { force: true });
  }
}
