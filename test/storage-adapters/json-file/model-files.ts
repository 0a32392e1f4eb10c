/**
 * A folder in memory that knows the states that a power failure may leave. Contents are safe when the file was synced,
 * names when the folder was synced. Any part of the unsynced changes may have reached the disk: of names any selection
 * of the changes; of a file its changes up to any one of them, the last also in part, or with a hole in place of the
 * rest.
 */
import type { FileStat, FileSystem, OpenFile } from '../../../storage-adapters/json-file/file-system.js';

type Change = { readonly at: number; readonly octets: Uint8Array } | { readonly size: number };

interface Inode {
  readonly id: string;
  content: Uint8Array;
  synced: Uint8Array;
  /** The changes since the last sync. */
  unsynced: Change[];
  changes: number;
}

type NameChange =
  | { readonly do: 'set'; readonly name: string; readonly inode: Inode }
  | { readonly do: 'remove'; readonly name: string }
  | { readonly do: 'rename'; readonly from: string; readonly to: string; readonly inode: Inode };

type Names = Map<string, Inode>;

export class ModelFiles implements FileSystem {
  #names: Names = new Map();
  #synced: Names = new Map();
  #unsynced: NameChange[] = [];
  #inodes = 0;
  /** Called after every operation that changes something. */
  afterEach: () => void = () => {};
  /** Called before every operation; if it returns an error, that is thrown and nothing is done. */
  faultOf: (operation: string, path: string) => Error | undefined = () => undefined;

  static of(contents: Readonly<Record<string, Uint8Array>>): ModelFiles {
    const files = new ModelFiles();
    for (const [name, content] of Object.entries(contents)) files.#put(name, content);
    files.#synced = new Map(files.#names);
    return files;
  }

  contents(): Record<string, Uint8Array> {
    return Object.fromEntries([...this.#names].map(([name, { content }]) => [name, content]));
  }

  /** All different states that a power failure at this moment may leave. */
  afterPowerFailure(seen = new Set<string>()): ModelFiles[] {
    const states: ModelFiles[] = [];
    for (const names of this.#possibleNames()) {
      const inodes = [...new Set(names.values())];
      const open = inodes.filter(({ unsynced }) => unsynced.length > 0);
      const choices: Map<Inode, Uint8Array>[] = [new Map()];
      // Each of them in every state, with each other one completely kept or lost.
      for (const inode of open) {
        for (const content of possibleContents(inode)) {
          for (const rest of ['content', 'synced'] as const) {
            choices.push(new Map(open.map((other) => [other, other === inode ? content : other[rest]])));
          }
        }
      }
      for (const choice of open.length === 0 ? choices : choices.slice(1)) {
        const state: Record<string, Uint8Array> = {};
        for (const [name, inode] of names) state[name] = choice.get(inode) ?? inode.content;
        const key = Object.entries(state)
          .map(([name, content]) => `${name}:${Buffer.from(content).toString('latin1')}`)
          .sort()
          .join('\0');
        if (seen.has(key)) continue;
        seen.add(key);
        states.push(ModelFiles.of(state));
      }
    }
    return states;
  }

  *#possibleNames(): Generator<Names, void> {
    const changes = this.#unsynced;
    // If there are more changes, only the last ones are combined.
    const fixed = Math.max(0, changes.length - 7);
    for (let choice = 0; choice < 2 ** (changes.length - fixed); choice += 1) {
      const names = new Map(this.#synced);
      for (const [at, change] of changes.entries()) {
        if (at >= fixed && (choice & (1 << (at - fixed))) === 0) continue;
        if (change.do === 'set') names.set(change.name, change.inode);
        else if (change.do === 'remove') names.delete(change.name);
        else {
          names.delete(change.from);
          names.set(change.to, change.inode);
        }
      }
      yield names;
    }
  }

  #put(name: string, content: Uint8Array): Inode {
    this.#inodes += 1;
    const inode: Inode = { id: String(this.#inodes), content, synced: content, unsynced: [], changes: 0 };
    this.#names.set(name, inode);
    return inode;
  }

  #inodeOf(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw failure('ENOENT');
    return inode;
  }

  async #do<T>(operation: string, path: string, perform: () => T): Promise<T> {
    // As with real files, the caller continues before anything is done.
    await undefined;
    const fault = this.faultOf(operation, path);
    if (fault !== undefined) throw fault;
    const result = perform();
    this.afterEach();
    return result;
  }

  async read(path: string): Promise<Uint8Array> {
    return this.#inodeOf(path).content;
  }

  async stat(path: string): Promise<FileStat> {
    const { id, content, changes } = this.#inodeOf(path);
    return { kind: 'file', id, size: content.length, mtimeNs: BigInt(changes), mode: 0o600, uid: 0, gid: 0 };
  }

  async list(): Promise<string[]> {
    return [...this.#names.keys()].map((path) => path.replace(/.*\//, ''));
  }

  create(path: string): Promise<OpenFile> {
    return this.#do('create', path, () => {
      if (this.#names.has(path)) throw failure('EEXIST');
      const inode = this.#put(path, new Uint8Array());
      this.#unsynced.push({ do: 'set', name: path, inode });
      return this.#opened(path, inode);
    });
  }

  open(path: string): Promise<OpenFile> {
    return this.#do('open', path, () => this.#opened(path, this.#inodeOf(path)));
  }

  #opened(path: string, inode: Inode): OpenFile {
    const change = (made: Change) => {
      inode.unsynced.push(made);
      inode.content = changed(inode.content, made);
      inode.changes += 1;
    };
    const sync = () =>
      this.#do('sync', path, () => {
        inode.synced = inode.content;
        inode.unsynced = [];
      });
    const write = (octets: Uint8Array, at: number) =>
      this.#do('write', path, () => {
        change({ at, octets: Uint8Array.from(octets) });
        return octets.length;
      });
    return {
      write,
      async writeSynced(octets, at) {
        const written = await write(octets, at);
        await sync();
        return written;
      },
      truncate: (size) => this.#do('truncate', path, () => change({ size })),
      id: async () => inode.id,
      async dress() {},
      sync,
      syncData: sync,
      async close() {},
    };
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do('rename', to, () => {
      const inode = this.#inodeOf(from);
      this.#names.set(to, inode);
      this.#names.delete(from);
      this.#unsynced.push({ do: 'rename', from, to, inode });
    });
  }

  link(existing: string, name: string): Promise<void> {
    return this.#do('link', name, () => {
      if (this.#names.has(name)) throw failure('EEXIST');
      const inode = this.#inodeOf(existing);
      this.#names.set(name, inode);
      this.#unsynced.push({ do: 'set', name, inode });
    });
  }

  unlink(path: string): Promise<void> {
    return this.#do('unlink', path, () => {
      this.#inodeOf(path);
      this.#names.delete(path);
      this.#unsynced.push({ do: 'remove', name: path });
    });
  }

  syncFolder(path: string): Promise<void> {
    return this.#do('syncFolder', path, () => {
      this.#synced = new Map(this.#names);
      this.#unsynced = [];
    });
  }

  async realPath(path: string): Promise<string> {
    return path;
  }

  async readLink(path: string): Promise<string> {
    throw failure(this.#names.has(path) ? 'EINVAL' : 'ENOENT');
  }
}

function changed(content: Uint8Array, change: Change): Uint8Array {
  if ('size' in change) return content.subarray(0, change.size);
  const { at, octets } = change;
  const size = Math.max(content.length, at + octets.length);
  const result = new Uint8Array(size);
  result.set(content);
  result.set(octets, at);
  return result;
}

function* possibleContents({ synced, unsynced }: Inode): Generator<Uint8Array, void> {
  yield synced;
  let content = synced;
  for (const change of unsynced) {
    if ('octets' in change) {
      const { at, octets } = change;
      // Octet by octet if it is short; otherwise at a sample of places.
      const step = Math.max(1, Math.floor(octets.length / 150));
      for (let length = 1; length < octets.length; length += step) {
        yield changed(content, { at, octets: octets.subarray(0, length) });
      }
      const half = Math.floor(octets.length / 2);
      // The size is on disk already but not the content; or the second half came first.
      yield changed(content, { at, octets: new Uint8Array(octets.length) });
      yield changed(content, { at, octets: Uint8Array.from(octets, (octet, n) => (n < half ? 0 : octet)) });
      yield changed(content, { at, octets: Uint8Array.from(octets, (octet, n) => (n < half ? octet : 0)) });
    }
    content = changed(content, change);
    yield content;
  }
}

export function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
