/**
 * A file as an answer, with the fields for caches and interrupted downloads: type, length, date, entity tag, ranges.
 *
 * The file is opened only when its octets are needed: not for HEAD, 304, 412 or 416.
 */
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { access, type FileHandle, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { sameInAllCopies } from '../across-copies.js';
import type { FileOptions, ResponseParts } from '../api/answer.js';
import { JackfieldError } from '../errors.js';
import { HOLDS_HEAD } from '../exchange/answer-source.js';
import { mustKnow } from '../known-members.js';
import { mediaTypeOf } from './media-types.js';

/** Octets per read. */
const PIECE_OCTETS = 65_536;

/** One state of a file. */
type Version = Pick<Stats, 'dev' | 'ino' | 'size' | 'mtimeMs' | 'ctimeMs'>;

/**
 * Files older than the web have a date that a build tool wrote (Nix: 1970, zip: 1980, npm: 1985). It says nothing about
 * changes, and a cache would take the file for fresh for years (RFC 9111 §4.2.2).
 */
const FIRST_DATE = Date.UTC(1990);

/**
 * @param name Its path; relative to `options.root` if that is set.
 * Errors: FILE_NOT_FOUND; FILE_CHANGED while it is being sent.
 */
export async function file(name: string, options: FileOptions = {}): Promise<ResponseParts> {
  if (typeof name !== 'string') throw new TypeError('file needs the path of a file as a string.');
  mustKnow(options, ['root', 'type', 'headers'], 'file');
  const place = placeOf(name, options.root);
  const version = await versionOf(place);
  const { size, mtimeMs } = version;
  const headers: Record<string, string | readonly string[]> = {
    'Content-Type': options.type ?? mediaTypeOf(place),
    'Content-Length': String(size),
    ETag: tagOf(version),
    'Accept-Ranges': 'bytes',
  };
  // Not in the future (RFC 9110 §8.8.2.1).
  if (mtimeMs >= FIRST_DATE) headers['Last-Modified'] = new Date(Math.min(mtimeMs, Date.now())).toUTCString();
  for (const [field, value] of Object.entries(options.headers ?? {})) {
    for (const own of Object.keys(headers))
      if (own.toLowerCase() === field.toLowerCase()) delete headers[own];
    headers[field] = value;
  }
  return { status: 200, headers, body: new FileBody(place, version, 0, size) };
}

function placeOf(name: string, root: string | undefined): string {
  if (name.includes('\0')) throw new JackfieldError('FILE_NOT_FOUND');
  if (root === undefined) return path.resolve(name);
  const folder = path.resolve(root);
  // Joined, not resolved: `/etc/passwd` below a root is a file of the root.
  const place = path.join(folder, name);
  const inside = path.relative(folder, place);
  if (inside === '..' || inside.startsWith(`..${path.sep}`) || path.isAbsolute(inside))
    throw new JackfieldError('FILE_NOT_FOUND');
  return place;
}

const ABSENT: readonly unknown[] = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EISDIR'];

async function versionOf(place: string): Promise<Version> {
  const stats = await stat(place).catch(absent);
  // Folders, devices and pipes are not served.
  if (!stats.isFile()) throw new JackfieldError('FILE_NOT_FOUND');
  // HEAD has to fail where GET does, and it opens nothing.
  await access(place, constants.R_OK).catch(absent);
  return stats;
}

/**
 * Size and date can be equal for two contents, because dates can be set. The time of the last change of state (`ctime`)
 * cannot be set, and the number of the file differs where a link leads to another file. A digest, since both are nobody
 * else's business.
 */
function tagOf({ dev, ino, size, mtimeMs, ctimeMs }: Version): string {
  const state = [dev, ino, size, mtimeMs, ctimeMs].join();
  return `"${createHash('sha256').update(state).digest('base64url').slice(0, 22)}"`;
}

function absent(cause: NodeJS.ErrnoException): never {
  throw ABSENT.includes(cause.code) ? new JackfieldError('FILE_NOT_FOUND', '', { cause }) : cause;
}

/** Octets from `#start` up to, but not including, `#end`. */
export class FileBody implements AsyncIterable<Uint8Array> {
  /** Opening may fail, and then the answer is an error. */
  readonly [HOLDS_HEAD] = true;
  readonly #place: string;
  readonly #version: Version;
  readonly #start: number;
  readonly #end: number;

  constructor(place: string, version: Version, start: number, end: number) {
    this.#place = place;
    this.#version = version;
    this.#start = start;
    this.#end = end;
  }

  /** Size of the whole file, in octets. */
  get size(): number {
    return this.#version.size;
  }

  slice(start: number, end: number): FileBody {
    return new FileBody(this.#place, this.#version, start, end);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const handle = await open(this.#place).catch(absent);
    try {
      await this.#expectSame(handle);
      for (let at = this.#start; at < this.#end; ) {
        const piece = Buffer.allocUnsafe(Math.min(PIECE_OCTETS, this.#end - at));
        const { bytesRead } = await handle.read(piece, 0, piece.length, at);
        if (bytesRead === 0) throw new JackfieldError('FILE_CHANGED');
        at += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  /** The headers describe the file that was checked; the file that was opened may be a different one. */
  async #expectSame(handle: FileHandle): Promise<void> {
    const now = await handle.stat();
    const { dev, ino, size, mtimeMs, ctimeMs } = this.#version;
    const isSame =
      now.dev === dev &&
      now.ino === ino &&
      now.size === size &&
      now.mtimeMs === mtimeMs &&
      now.ctimeMs === ctimeMs;
    if (!isSame) throw new JackfieldError('FILE_CHANGED');
  }
}

sameInAllCopies(FileBody, 'FileBody');
