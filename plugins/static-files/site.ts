/**
 * A folder of files as a handler.
 *
 * Rule: a path becomes a file name segment by segment, and the real target of that name, with links followed, is
 * checked before any of it is sent.
 */
import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { file, JackfieldError, type Request, type ResponseParts } from '../../core/plugin-api.js';
import { behind, queryOf } from '../shared/mount.js';
import { preferredCoding } from '../shared/negotiation.js';
import { vary } from '../shared/vary.js';
import { listingPage } from './listing.js';
import type { Mount } from './mount.js';

const SUFFIXES = { br: '.br', zstd: '.zst', gzip: '.gz' } as const;

export type Site = (request: Request) => Promise<ResponseParts>;

/**
 * @param base The part of each path before the file names, as `MountPlace.base`.
 * @throws Error if the folder does not exist, or does not contain the fallback.
 */
export async function openSite(configFolder: string, mount: Mount, base: string): Promise<Site> {
  const root = path.resolve(configFolder, mount.root);
  const found = await stat(root).catch(() => undefined);
  if (found?.isDirectory() !== true)
    throw new Error(`There is no folder ${root}. Create it, or correct "root".`);
  const files = new SiteFiles(await realpath(root), mount, base);
  await files.expectFallback();
  return (request) => files.answer(request);
}

class SiteFiles {
  readonly #root: string;
  readonly #mount: Mount;
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  /**
   * Fields of redirects and listings. They have no validator, so a cache that guesses a lifetime would show an old
   * folder; files have one.
   */
  readonly #ofFolder: Readonly<Record<string, string>>;

  constructor(root: string, mount: Mount, base: string) {
    this.#root = root;
    this.#mount = mount;
    this.#base = base;
    const { cacheControl, headers } = mount;
    this.#headers = { ...headers, ...(cacheControl === undefined ? {} : { 'Cache-Control': cacheControl }) };
    const says = nameIn(this.#headers, 'cache-control') in this.#headers;
    this.#ofFolder = says ? this.#headers : { ...this.#headers, 'Cache-Control': 'no-cache' };
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

  async answer(request: Request): Promise<ResponseParts> {
    const { path: requested, target } = request;
    const rest = behind(this.#base, requested);
    const segments = rest === '' ? [] : this.#segmentsOf(rest);
    const isFolderPath = segments?.at(-1) === '';
    const found = segments && (await this.#find(isFolderPath ? segments.slice(0, -1) : segments));
    if (found?.stats.isFile() === true && !isFolderPath) return this.#send(found.place, request);
    if (found?.stats.isDirectory() === true) {
      const ofFolder = await this.#sendFolder(found.place, isFolderPath, request);
      if (ofFolder === undefined) return this.#sendFallback(requested, request);
      // No segment is empty, so this cannot be read as the name of another host (`//example.com`).
      if (ofFolder === 'slash')
        return { status: 308, headers: { ...this.#ofFolder, Location: `${requested}/${queryOf(target)}` } };
      return ofFolder;
    }
    return this.#sendFallback(requested, request);
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
  async #find(names: readonly string[]): Promise<{ place: string; stats: Stats } | undefined> {
    try {
      const place = await realpath(path.join(this.#root, ...names));
      if (this.#mount.links === 'inside' && !isWithin(this.#root, place)) return undefined;
      return { place, stats: await stat(place) };
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw error;
    }
  }

  /** `slash`: redirect the client to the path with a slash at the end, so that relative links in the page work. */
  async #sendFolder(
    place: string,
    isFolderPath: boolean,
    request: Request,
  ): Promise<ResponseParts | 'slash' | undefined> {
    const { index, listing } = this.#mount;
    const names = path.relative(this.#root, place);
    const indexFile = index === false ? undefined : await this.#find([names, index]);
    const hasIndex = indexFile?.stats.isFile() === true;
    if (!hasIndex && !listing) return undefined;
    if (!isFolderPath) return 'slash';
    if (hasIndex) return this.#send(indexFile.place, request);
    const depth = names === '' ? 0 : names.split(path.sep).length;
    const entries = (await readdir(place, { withFileTypes: true })).filter((entry: Dirent) =>
      this.#isOpen(entry.name, depth),
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

  async #sendFallback(requested: string, request: Request): Promise<ResponseParts> {
    const { fallback } = this.#mount;
    const last = requested.slice(requested.lastIndexOf('/') + 1);
    if (fallback === undefined || last.includes('.')) throw new JackfieldError('FILE_NOT_FOUND');
    const found = await this.#find(fallback.split('/'));
    if (found === undefined) throw new JackfieldError('FILE_NOT_FOUND');
    return this.#send(found.place, request);
  }

  async #send(place: string, { headers }: Request): Promise<ResponseParts> {
    const plain = await file(place, { headers: this.#headers });
    const { precompressed } = this.#mount;
    if (precompressed.length === 0) return plain;
    // `file` returns headers as a plain object.
    const own = plain.headers as Readonly<Record<string, string>>;
    const field = vary(own[nameIn(own, 'vary')], 'Accept-Encoding');
    for (let left = [...precompressed]; ; ) {
      const coding = preferredCoding(headers['accept-encoding'], left);
      if (coding === undefined) return { ...plain, headers: { ...without(own, 'vary'), Vary: field } };
      const variant = await this.#find([path.relative(this.#root, place) + SUFFIXES[coding]]);
      if (variant?.stats.isFile() === true)
        return file(variant.place, {
          type: own[nameIn(own, 'content-type')] ?? 'application/octet-stream',
          headers: { ...without(this.#headers, 'vary'), 'Content-Encoding': coding, Vary: field },
        });
      left = left.filter((other) => other !== coding);
    }
  }
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

function isAbsence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ABSENT.includes(error.code);
}

/** The spelling of a field name in a record. */
function nameIn(headers: Readonly<Record<string, string>>, name: string): string {
  return Object.keys(headers).find((own) => own.toLowerCase() === name) ?? name;
}

function without(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([own]) => own.toLowerCase() !== name));
}
