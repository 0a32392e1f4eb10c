/**
 * A folder of files as a handler.
 *
 * Rule: a path becomes a file name segment by segment, and the real target of that name, with links followed, is
 * checked before any of it is sent.
 */
import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import {
  JackfieldError,
  type Log,
  type MaybePromise,
  type Request,
  type ResponseParts,
} from '../../core/plugin-api.js';
import { behind, queryOf } from '../shared/mount.js';
import { codingOrder } from '../shared/negotiation.js';
import { vary } from '../shared/vary.js';
import { FileCache } from './file-cache.js';
import { listingPage } from './listing.js';
import type { Mount } from './mount.js';

const SUFFIXES = { br: '.br', zstd: '.zst', gzip: '.gz' } as const;
type Coding = keyof typeof SUFFIXES;

export type Site = (request: Request) => MaybePromise<ResponseParts>;

interface Found {
  /** Links not followed. */
  readonly name: string;
  /** Links followed. */
  readonly place: string;
  readonly stats: Stats;
}

/**
 * @param base The part of each path before the file names, as `MountPlace.base`.
 * @throws Error if the folder does not exist, or does not contain the fallback.
 */
export async function openSite(configFolder: string, mount: Mount, base: string, log: Log): Promise<Site> {
  const root = path.resolve(configFolder, mount.root);
  const found = await stat(root).catch(() => undefined);
  if (found?.isDirectory() !== true)
    throw new Error(`There is no folder ${root}. Create it, or correct "root".`);
  const files = new SiteFiles(root, mount, base, log);
  await files.expectFallback();
  return (request) => files.answer(request);
}

class SiteFiles {
  /** May be a link, which may be switched at any time: its target is looked up for each file that is not in the cache. */
  readonly #root: string;
  readonly #mount: Mount;
  readonly #base: string;
  readonly #log: Log;
  readonly #cache: FileCache;
  readonly #headers: Readonly<Record<string, string>>;
  /**
   * Fields of redirects and listings. They have no validator, so a cache that guesses a lifetime would show an old
   * folder; files have one.
   */
  readonly #ofFolder: Readonly<Record<string, string>>;
  readonly #codings: (accept: string | undefined) => readonly Coding[];

  constructor(root: string, mount: Mount, base: string, log: Log) {
    this.#root = root;
    this.#mount = mount;
    this.#base = base;
    this.#log = log;
    const { cacheControl, headers, precompressed } = mount;
    this.#cache = new FileCache(mount.cacheOctets);
    this.#codings = codingOrder(precompressed);
    const own: Readonly<Record<string, string>> = {
      ...headers,
      ...(cacheControl === undefined ? {} : { 'Cache-Control': cacheControl }),
    };
    const says = nameIn(own, 'cache-control') in own;
    this.#ofFolder = says ? own : { ...own, 'Cache-Control': 'no-cache' };
    this.#headers =
      precompressed.length === 0
        ? own
        : { ...without(own, 'vary'), Vary: vary(own[nameIn(own, 'vary')], 'Accept-Encoding') };
  }

  async expectFallback(): Promise<void> {
    const { fallback } = this.#mount;
    if (fallback === undefined) return;
    const found = await this.#find(fallback.split('/'));
    if (found?.stats.isFile() !== true)
      throw new Error(
        `There is no file ${path.join(this.#root, fallback)}. Create it, or correct "fallback".`,
      );
  }

  /** Without a promise if the file is in the cache. */
  answer(request: Request): MaybePromise<ResponseParts> {
    const rest = behind(this.#base, request.path);
    return this.#fromCache(rest, request) ?? this.#fromDisk(rest, request);
  }

  #fromCache(key: string, { headers }: Request): ResponseParts | undefined {
    const plain = this.#cache.get(key);
    // A coded copy is not sent without its file.
    if (plain === undefined) return undefined;
    if (this.#mount.precompressed.length > 0)
      for (const coding of this.#codings(headers['accept-encoding'])) {
        const coded = this.#cache.get(codedKey(key, coding));
        if (coded !== undefined) return coded;
        if (!this.#cache.hasNoCopy(key, SUFFIXES[coding])) return undefined;
      }
    return plain;
  }

  async #fromDisk(rest: string, request: Request): Promise<ResponseParts> {
    const segments = rest === '' ? [] : this.#segmentsOf(rest);
    const isFolderPath = segments?.at(-1) === '';
    const names = isFolderPath ? segments?.slice(0, -1) : segments;
    const found = names && (await this.#find(names));
    if (found?.stats.isFile() === true && !isFolderPath) return this.#send(found, rest, request);
    if (found?.stats.isDirectory() !== true) return this.#sendFallback(request);
    const ofFolder = await this.#sendFolder(found, names ?? [], rest, isFolderPath, request);
    return ofFolder ?? this.#sendFallback(request);
  }

  /**
   * Decodes the segments one by one, so that `%2F` does not change the path. @returns undefined if they name no file of
   * ours.
   */
  #segmentsOf(rest: string): string[] | undefined {
    const segments = rest.slice(1).split('/').map(decodeURIComponent);
    const isLegal = segments.every(
      (name, at) => (name === '' ? at === segments.length - 1 : isFileName(name)) && this.#isOpen(name, at),
    );
    return isLegal ? segments : undefined;
  }

  #isOpen(name: string, at: number): boolean {
    const { dotfiles } = this.#mount;
    if (!name.startsWith('.') || dotfiles === 'allow') return true;
    return dotfiles === 'well-known' && at === 0 && name === '.well-known';
  }

  /** The target of a name, if it may be sent. */
  async #find(names: readonly string[]): Promise<Found | undefined> {
    const name = path.join(this.#root, ...names);
    for (;;) {
      const root = await realpath(this.#root).catch(ifAbsent);
      if (root === undefined) return undefined;
      const place = await realpath(name).catch(ifAbsent);
      if (place !== undefined && (this.#mount.links === 'anywhere' || isWithin(root, place))) {
        const stats = await stat(place).catch(ifAbsent);
        if (stats !== undefined) return { name, place, stats };
      }
      // If the link of the root was switched meanwhile, the file was looked for in two folders.
      if ((await realpath(this.#root).catch(ifAbsent)) === root) return undefined;
    }
  }

  /** @returns undefined if the folder has no page. */
  async #sendFolder(
    { place }: Found,
    names: readonly string[],
    rest: string,
    isFolderPath: boolean,
    request: Request,
  ): Promise<ResponseParts | undefined> {
    const { index, listing } = this.#mount;
    const indexFile = index === false ? undefined : await this.#find([...names, index]);
    const hasIndex = indexFile?.stats.isFile() === true;
    if (!hasIndex && !listing) return undefined;
    if (!isFolderPath) {
      // With the slash, relative links in the page work. No segment is empty, so this cannot be read as the name of
      // another host (`//example.com`).
      const Location = `${request.path}/${queryOf(request.target)}`;
      return { status: 308, headers: { ...this.#ofFolder, Location } };
    }
    if (hasIndex) return this.#send(indexFile, rest, request);
    const entries = (await readdir(place, { withFileTypes: true })).filter((entry: Dirent) =>
      this.#isOpen(entry.name, names.length),
    );
    return {
      headers: {
        ...this.#ofFolder,
        'Content-Type': 'text/html; charset=utf-8',
        // A file name must never run as a script.
        'Content-Security-Policy': "default-src 'none'",
      },
      body: listingPage(request.path, entries),
    };
  }

  async #sendFallback(request: Request): Promise<ResponseParts> {
    const { fallback } = this.#mount;
    const last = request.path.slice(request.path.lastIndexOf('/') + 1);
    if (fallback === undefined || last.includes('.')) throw new JackfieldError('FILE_NOT_FOUND');
    const found = await this.#find(fallback.split('/'));
    if (found?.stats.isFile() !== true) throw new JackfieldError('FILE_NOT_FOUND');
    // No path can be this key, as every path begins with a slash.
    const key = 'fallback';
    return this.#fromCache(key, request) ?? this.#send(found, key, request);
  }

  async #send({ name, place }: Found, key: string, { headers }: Request): Promise<ResponseParts> {
    const plain = await this.#load(key, name, place, { headers: this.#headers });
    for (const coding of this.#codings(headers['accept-encoding'])) {
      const suffix = SUFFIXES[coding];
      const copy = await this.#find([path.relative(this.#root, name) + suffix]);
      if (copy?.stats.isFile() !== true) continue;
      // `file` returns headers as a plain object.
      const own = plain.headers as Readonly<Record<string, string>>;
      return this.#load(codedKey(key, coding), copy.name, copy.place, {
        type: own[nameIn(own, 'content-type')] ?? 'application/octet-stream',
        headers: { ...this.#headers, 'Content-Encoding': coding },
      });
    }
    return plain;
  }

  async #load(...[key, name, place, options]: Parameters<FileCache['load']>): Promise<ResponseParts> {
    try {
      return await this.#cache.load(key, name, place, options);
    } catch (error) {
      if (!isAbsence(error)) throw error;
      if (error.code === 'EACCES' || error.code === 'EPERM')
        this.#log.warn({ err: error }, 'A file must not be read. It is answered as if it were absent (404).');
      throw new JackfieldError('FILE_NOT_FOUND', '', { cause: error });
    }
  }
}

/** A path has no NUL. */
function codedKey(key: string, coding: Coding): string {
  return `${key}\0${coding}`;
}

/** Whether every file system reads this as exactly one name. */
function isFileName(name: string): boolean {
  if (name === '.' || name === '..' || /[/\\\0]/.test(name)) return false;
  // Windows: a colon means another stream of a file, or a drive.
  return process.platform !== 'win32' || !name.includes(':');
}

function isWithin(root: string, place: string): boolean {
  return place === root || place.startsWith(root.endsWith(path.sep) ? root : root + path.sep);
}

const ABSENT: readonly unknown[] = [
  'ENOENT',
  'ENOTDIR',
  'ENAMETOOLONG',
  'ELOOP',
  'EACCES',
  'EPERM',
  'EINVAL',
];

function isAbsence(error: unknown): error is Error & { readonly code: unknown } {
  return error instanceof Error && 'code' in error && ABSENT.includes(error.code);
}

function ifAbsent(error: unknown): undefined {
  if (!isAbsence(error)) throw error;
}

/** The spelling of a field name in a record. */
function nameIn(headers: Readonly<Record<string, string>>, name: string): string {
  return Object.keys(headers).find((own) => own.toLowerCase() === name) ?? name;
}

function without(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([own]) => own.toLowerCase() !== name));
}
