/**
 * For commands that set everything up but do not serve. If a running server has locked the store, an empty store in
 * memory replaces it.
 */

import { resolveConfig } from '../config/validate-config.js';
import { type StorageAdapter, StorageError } from '../storage/contract.js';
import { makeStorage } from '../storage/open-storage.js';
import { TableStore } from '../storage/table-store.js';
import type { Call, Surroundings } from './command.js';
import { type PreparedServer, prepareServer } from './prepare-server.js';
import { linesOf } from './report-error.js';
import { terminalText } from './terminal-text.js';

export interface ReadyServer extends PreparedServer {
  /** The store could not be opened because another process has locked it. */
  readonly isStoreInUse: boolean;
}

/** A server with all plugins set up that does not listen. Errors: those of a start, except STORAGE_LOCKED. */
export async function readyServer(call: Call, around: Surroundings): Promise<ReadyServer> {
  const prepared = await prepareServer(call, around, 'warn');
  try {
    await prepared.server.ready();
    return { ...prepared, isStoreInUse: false };
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'STORAGE_LOCKED') throw error;
    const { config, source } = prepared.loaded;
    const { door } = await makeStorage(resolveConfig(config, source).storage, source, prepared.log, true);
    prepared.standIn(new StandIn(door));
    await prepared.server.ready();
    for (const line of linesOf(error, false)) around.stderr.write(`jackfield: note: ${terminalText(line)}\n`);
    around.stderr.write(
      'jackfield: note: the data itself was not checked; plugins were set up with an empty store instead\n',
    );
    return { ...prepared, server: prepared.server, isStoreInUse: true };
  }
}

/** Declares the same name and properties as the locked store, so that plugins see no difference. */
class StandIn extends TableStore implements StorageAdapter {
  readonly name: string;
  readonly supports: StorageAdapter['supports'];
  constructor({ name, supports }: Pick<StorageAdapter, 'name' | 'supports'>) {
    super();
    this.name = name;
    this.supports = supports;
  }

  open(): void {}
}
