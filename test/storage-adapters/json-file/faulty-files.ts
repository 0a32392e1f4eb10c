/** The real file system, except that any operation can fail, before or after it is done. */
import { basename } from 'node:path';
import {
  type FileSystem,
  nodeFileSystem,
  type OpenFile,
} from '../../../storage-adapters/json-file/file-system.js';

export type When = 'before' | 'after';

/** The fault of an operation; undefined for none. */
export type Fault = { readonly code: string; readonly when: When } | undefined;

export class FaultyFiles implements FileSystem {
  /** The operations so far, such as `rename data.json.tmp`. */
  readonly done: string[] = [];
  /** Called for each operation with its text and number. */
  faultOf: (operation: string, number: number) => Fault = () => undefined;
  /** The octets of space left. */
  room = Number.POSITIVE_INFINITY;
  /** The most octets that one write takes. */
  mostAtOnce = Number.POSITIVE_INFINITY;

  async #do<T>(operation: string, perform: () => Promise<T>): Promise<T> {
    const fault = this.faultOf(operation, this.done.length);
    this.done.push(operation);
    if (fault?.when === 'before') throw failure(fault.code, operation);
    const result = await perform();
    if (fault !== undefined) throw failure(fault.code, operation);
    return result;
  }

  read = (path: string) => this.#do(`read ${basename(path)}`, () => nodeFileSystem.read(path));
  stat = (path: string) => this.#do(`stat ${basename(path)}`, () => nodeFileSystem.stat(path));
  list = (folder: string) => this.#do('list', () => nodeFileSystem.list(folder));
  rename = (from: string, to: string) =>
    this.#do(`rename ${basename(from)}`, () => nodeFileSystem.rename(from, to));
  link = (existing: string, name: string) =>
    this.#do(`link ${basename(existing)}`, () => nodeFileSystem.link(existing, name));
  unlink = (path: string) => this.#do(`unlink ${basename(path)}`, () => nodeFileSystem.unlink(path));
  syncFolder = (path: string) => this.#do('syncFolder', () => nodeFileSystem.syncFolder(path));
  realPath = (path: string) => nodeFileSystem.realPath(path);
  readLink = (path: string) => nodeFileSystem.readLink(path);

  create = (path: string) => this.#opened('create', path, () => nodeFileSystem.create(path));
  open = (path: string) => this.#opened('open', path, () => nodeFileSystem.open(path));

  async #opened(how: string, path: string, open: () => Promise<OpenFile>): Promise<OpenFile> {
    const name = basename(path);
    let made: OpenFile | undefined;
    const file = await this.#do(`${how} ${name}`, async () => {
      made = await open();
      return made;
    }).catch(async (error: unknown) => {
      await made?.close();
      throw error;
    });
    const write = (octets: Uint8Array, at: number) =>
      this.#do(`write ${name}`, async () => {
        // A nearly full disk writes what fits, and reports that only by the number of octets.
        const taken = Math.min(octets.length, this.room, this.mostAtOnce);
        this.room -= taken;
        return taken === 0 ? 0 : file.write(octets.subarray(0, taken), at);
      });
    const syncData = () => this.#do(`sync ${name}`, () => file.syncData());
    return {
      write,
      // Either half may fail.
      async writeSynced(octets, at) {
        const written = await write(octets, at);
        await syncData();
        return written;
      },
      id: () => file.id(),
      truncate: (size) => this.#do(`truncate ${name}`, () => file.truncate(size)),
      dress: (like) => this.#do(`dress ${name}`, () => file.dress(like)),
      sync: () => this.#do(`sync ${name}`, () => file.sync()),
      syncData,
      // Always close, or the test would leak descriptors.
      close: async () => {
        await file.close();
        await this.#do(`close ${name}`, async () => {});
      },
    };
  }
}

function failure(code: string, operation: string): Error {
  return Object.assign(new Error(`${code}: ${operation}`), { code });
}
