/**
 * A file as an answer, with the fields for caches and interrupted downloads: type, length, date, entity tag, ranges.
 *
 * The file is opened only when its octets are needed: not for HEAD, 304, 412 or 416.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
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
interface Version {
  readonly size: bigint;
  readonly mtimeNs: bigint;
}

/**
 * @param name Its path; relative to `options.root` if that is set.
 * Errors: FILE_NOT_FOUND; FILE_CHANGED while it is being sent.
 */
export async function file(name: string, options: FileOptions = {}): Promise<ResponseParts> {
  if (typeof name !== 'string') throw new TypeError('file needs the path of a file as a string.');
  mustKnow(options, ['root', 'type', 'headers'], 'file');
  const place = placeOf(name, options.root);
  const version = await versionOf(place);
  const modified = Number(version.mtimeNs / 1_000_000n);
  const headers: Record<string, string | readonly string[]> = {
    'Content-Type': options.type ?? mediaTypeOf(place),
    'Content-Length': String(version.size),
    // A date in the future is not allowed (RFC 9110 §8.8.2.1).
    'Last-Modified': new Date(Math.min(modified, Date.now())).toUTCString(),
    ETag: `"${version.size.toString(36)}-${version.mtimeNs.toString(36)}"`,
    'Accept-Ranges': 'bytes',
  };
  for (const [field, value] of Object.entries(options.headers ?? {})) {
    for (const own of Object.keys(headers))
      if (own.toLowerCase() === field.toLowerCase()) delete headers[own];
    headers[field] = value;
  }
  return { status: 200, headers, body: new FileBody(place, version, 0, Number(version.size)) };
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
  const stats = await stat(place, { bigint: true }).catch(absent);
  // Folders, devices and pipes are not served.
  if (!stats.isFile()) throw new JackfieldError('FILE_NOT_FOUND');
  return stats;
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
    return Number(this.#version.size);
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
    const { size, mtimeNs } = await handle.stat({ bigint: true });
    if (size !== this.#version.size || mtimeNs !== this.#version.mtimeNs)
      throw new JackfieldError('FILE_CHANGED');
  }
}

sameInAllCopies(FileBody, 'FileBody');
