import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';

/** A new folder with these files, removed after the test. */
export async function tempFolder(
  t: ExecutionContext,
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<string> {
  // The real path, because modules are imported by it and the temporary folder may be a link (macOS).
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'jackfield-')));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), content);
  }
  return folder;
}
