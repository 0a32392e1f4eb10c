/** The content of a folder as a page. */
import type { Dirent } from 'node:fs';

/** @param path The path of the request, with a slash at its end. */
export function listingPage(path: string, entries: readonly Dirent[]): string {
  const names = entries
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort((a, b) => Number(b.endsWith('/')) - Number(a.endsWith('/')) || (a < b ? -1 : 1));
  const title = escaped(`Index of ${decoded(path)}`);
  const lines = ['../', ...names].map((name) => `<li><a href="${hrefOf(name)}">${escaped(name)}</a></li>`);
  return [
    '<!doctype html>',
    '<html lang="en">',
    `<head><meta charset="utf-8"><title>${title}</title></head>`,
    `<body><h1>${title}</h1><ul>`,
    ...lines,
    '</ul></body>',
    '</html>',
    '',
  ].join('\n');
}

/** Relative. Colons are escaped, so that no name can be a scheme. */
function hrefOf(name: string): string {
  const [plain, slash] = name.endsWith('/') ? [name.slice(0, -1), '/'] : [name, ''];
  // A name may contain halves of surrogate pairs; then the link leads nowhere, but the page is valid.
  return escaped(encodeURIComponent(plain.toWellFormed()) + slash);
}

function decoded(path: string): string {
  return path
    .split('/')
    .map((segment) => decodeURIComponent(segment))
    .join('/');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
