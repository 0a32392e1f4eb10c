/**
 * Whether the disk has space for one more write. LMDB reports a write that was cut short as EIO, like a broken disk,
 * and the first write on a full disk is mostly cut short.
 */
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const PROBE_OCTETS = 65_536;

export function hasNoRoom(path: string): boolean {
  const probe = join(path, `room-probe-${process.pid}`);
  try {
    // At the same offset, to meet a limit of the file size too; the hole before it takes no space.
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
