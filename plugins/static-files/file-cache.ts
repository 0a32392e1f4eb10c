/**
 * The answers for the files of one folder, with the octets of small files kept in memory.
 *
 * Rule: before a kept answer is sent, `stat` looks at the file under its name, links followed. The answer is used only
 * if that is still the same file, with the same size and times. So a change, a replacement, a switched link or a
 * missing permission is noticed before the next answer.
 */
import { createHash } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import { type FileOptions, file, type ResponseParts } from '../../core/plugin-api.js';

/** Larger files are read for each answer: one of them would push many small ones out. */
const MAX_FILE_OCTETS = 1_048_576;
/** What an answer without content costs: its headers, names and the entry itself. */
const ENTRY_OCTETS = 2_048;
/**
 * A file that was changed a moment ago can be changed again without a difference in size and times, because file systems
 * count time in steps: up to 10 ms on usual ones, 2 s on FAT. Until that time is over it is read for each answer.
 */
const SETTLED_MS = 2_000;

interface Kept {
  /** The path of the file, links not followed. */
  readonly name: string;
  /** The real path, if the file is read for each answer: it may have moved under a link that leads to it as before. */
  readonly place: string | undefined;
  readonly stats: Stats;
  readonly parts: ResponseParts;
  readonly octets: number;
}

export class FileCache {
  readonly #kept: LRUCache<string, Kept> | undefined;

  /** @param maxOctets For all files together; 0: keep nothing, and never wait for the disk in the event loop. */
  constructor(maxOctets: number) {
    if (maxOctets === 0) return;
    this.#kept = new LRUCache({ maxSize: maxOctets, sizeCalculation: ({ octets }) => octets + ENTRY_OCTETS });
  }

  /** The kept answer, if its file has not changed. */
  get(key: string): ResponseParts | undefined {
    const kept = this.#kept?.get(key);
    if (kept === undefined) return undefined;
    const now = statNow(kept.name);
    if (isStill(kept.stats, now) && (kept.place === undefined || isStill(kept.stats, statNow(kept.place))))
      return kept.parts;
    this.#kept?.delete(key);
    return undefined;
  }

  /** Whether the kept file has no file next to it whose name is longer by this suffix. */
  hasNoCopy(key: string, suffix: string): boolean {
    const kept = this.#kept?.peek(key);
    return kept !== undefined && statNow(kept.name + suffix) === 'absent';
  }

  /**
   * Reads a file and keeps the answer.
   * @param name Its path, links not followed.
   * @param place The real path, which the caller has checked.
   * Errors: FILE_NOT_FOUND, and those of the file system.
   */
  async load(key: string, name: string, place: string, options: FileOptions): Promise<ResponseParts> {
    const before = await stat(place);
    const isSmall = this.#kept !== undefined && before.size <= MAX_FILE_OCTETS;
    const parts = isSmall ? await wholeFile(place, options) : await file(place, options);
    const stats = await stat(name);
    // It changed while it was read, as a log file does.
    if (!isSame(before, stats)) return file(place, options);
    // The core checks frozen headers only once.
    Object.freeze(parts.headers);
    const isWhole = parts.body instanceof Uint8Array;
    const octets = isWhole ? parts.body.buffer.byteLength : 0;
    // A link on the way was switched meanwhile.
    if (Date.now() - stats.ctimeMs <= SETTLED_MS || (await realpath(name)) !== place) return parts;
    // A slice of the head would keep the whole read in memory.
    const ownKey = Buffer.from(key, 'latin1').toString('latin1');
    this.#kept?.set(ownKey, { name, place: isWhole ? undefined : place, stats, parts, octets });
    return parts;
  }
}

/** The tag comes from the octets: a copy on another server has the same one, and equal times prove nothing. */
async function wholeFile(place: string, options: FileOptions): Promise<ResponseParts> {
  const octets = await readFile(place);
  const digest = createHash('sha256').update(octets).digest('base64url').slice(0, 22);
  const parts = await file(place, { ...options, headers: { ETag: `"${digest}"`, ...options.headers } });
  // The length is seen from the octets.
  const { 'Content-Length': _, ...headers } = parts.headers as Readonly<Record<string, string>>;
  return { ...parts, headers, body: octets };
}

function statNow(name: string): Stats | 'absent' | 'unknown' {
  try {
    return statSync(name, { throwIfNoEntry: false }) ?? 'absent';
  } catch {
    // A folder that may not be searched, or a loop of links.
    return 'unknown';
  }
}

function isStill(kept: Stats, now: ReturnType<typeof statNow>): boolean {
  return typeof now === 'object' && isSame(kept, now);
}

/** The time of the last change of state (`ctime`) cannot be set, so it shows what a restored `mtime` hides. */
function isSame(one: Stats, other: Stats): boolean {
  return (
    one.ino === other.ino &&
    one.ctimeMs === other.ctimeMs &&
    one.size === other.size &&
    one.mtimeMs === other.mtimeMs &&
    one.dev === other.dev
  );
}
