/**
 * A folder in memory that knows what a power failure would leave: contents are safe when the file was synced, names
 * when the folder was. In between anything may have reached the disk.
 */
import type { FileStat, FileSystem, NewFile } from '../../../storage-adapters/json-file/file-system.js';

interface Inode {
  readonly id: string;
  content: Uint8Array;
  synced: Uint8Array;
  changes: number;
}

type Names = Map<string, Inode>;

export class ModelFiles implements FileSystem {
  #names: Names = new Map();
  /** The names as they were after each change since the folder was synced, the synced ones first. */
  #unsynced: Names[] = [new Map()];
  #inodes = 0;

  /** Every state that a power failure at this moment may leave. */
  afterPowerFailure(): ModelFiles[] {
    const states: ModelFiles[] = [];
    for (const names of this.#unsynced) {
      for (const keep of [
        ({ synced }: Inode) => synced,
        ({ content }: Inode) => content,
        ({ content }: Inode) => content.subarray(0, content.length / 2),
      ]) {
        const state = new ModelFiles();
        for (const [name, inode] of names) {
          const content = inode.content === inode.synced ? inode.content : keep(inode);
          state.#put(name, content);
        }
        state.#unsynced = [new Map(state.#names)];
        states.push(state);
      }
    }
    return states;
  }

  #put(name: string, content: Uint8Array): Inode {
    this.#inodes += 1;
    const inode: Inode = { id: String(this.#inodes), content, synced: content, changes: 0 };
    this.#names.set(name, inode);
    return inode;
  }

  #inodeOf(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw failure('ENOENT');
    return inode;
  }

  #renamed(): void {
    this.#unsynced.push(new Map(this.#names));
  }

  async read(path: string): Promise<Uint8Array> {
    return this.#inodeOf(path).content;
  }

  async stat(path: string): Promise<FileStat> {
    const { id, content, changes } = this.#inodeOf(path);
    return { kind: 'file', id, size: content.length, mtimeNs: BigInt(changes), mode: 0o600, uid: 0, gid: 0 };
  }

  async list(): Promise<string[]> {
    return [...this.#names.keys()];
  }

  async create(path: string): Promise<NewFile> {
    if (this.#names.has(path)) throw failure('EEXIST');
    const inode = this.#put(path, new Uint8Array());
    this.#renamed();
    return {
      async write(octets) {
        inode.content = Buffer.concat([inode.content, octets]);
        inode.changes += 1;
        return octets.length;
      },
      async dress() {},
      async sync() {
        inode.synced = inode.content;
      },
      async close() {},
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#names.set(to, this.#inodeOf(from));
    this.#names.delete(from);
    this.#renamed();
  }

  async link(existing: string, name: string): Promise<void> {
    this.#names.set(name, this.#inodeOf(existing));
    this.#renamed();
  }

  async unlink(path: string): Promise<void> {
    this.#inodeOf(path);
    this.#names.delete(path);
    this.#renamed();
  }

  async syncFolder(): Promise<void> {
    this.#unsynced = [new Map(this.#names)];
  }

  async realPath(path: string): Promise<string> {
    return path;
  }

  async readLink(path: string): Promise<string> {
    throw failure(this.#names.has(path) ? 'EINVAL' : 'ENOENT');
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
