/** The first curl commands of a new user, on the same server as a client of the classic protocol. */
import { execFile, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { RawClient } from '../support/raw-client.js';
import { served } from '../support/served.js';
import { classicRequest } from '../transcript/classic-request.js';

const hasCurl = spawnSync('curl', ['--version']).status === 0;
const withCurl = hasCurl ? test : test.skip;
if (!hasCurl) test.skip('curl is not installed here', () => {});

/** Prints the body on stdout, and the status after it. */
function curl(...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      'curl',
      ['--silent', '--show-error', '--write-out', '[%{http_code}]', ...args],
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout.replaceAll('\r\n', '\n'));
        else reject(new Error(`${error.message}\n${stderr}`));
      },
    );
    child.stdin?.end();
  });
}

const CONFIG = JSON.stringify({
  storage: 'memory',
  plugins: ['head', 'get', 'post', 'put', 'create', 'update', 'classic', 'end', './frobnicate.js'],
  limits: { maxBodyOctets: 200_000 },
});
const FROBNICATE = `export default {
  name: 'frobnicate',
  setup({ handle }) {
    handle('FROBNICATE', '/things/:name', ({ params }) => 'frobnicated ' + params.name);
    handle('POST', '/length', async (request) => String((await request.bytes()).length));
  },
};`;

async function server(t: ExecutionContext) {
  const cwd = await tempFolder(t, { 'jackfield.config.json': CONFIG, 'frobnicate.js': FROBNICATE });
  return { cwd, ...(await served(t, cwd)) };
}

withCurl(
  'curl creates, reads and updates entries and sends HEAD, while a classic client uses the same server',
  async (t) => {
    const { port, url } = await server(t);
    const classic = await RawClient.connect(port);

    t.is(await curl(url), 'No data in DB[200]');
    t.is(
      await curl('-X', 'POST', '-d', 'colour: blue&size: 7', `${url}/create`),
      'colour:blue\nsize:7\nPost Successfully OK[200]',
    );
    classic.send(classicRequest('GET', '127.0.0.1/', ''));
    t.regex(
      (await classic.next()) ?? '',
      /\r\n\r\nThe data in DB is as follows\. \n\ncolour:blue\n\nsize:7$/,
    );
    classic.send(classicRequest('POST', '127.0.0.1/create', 'shape: round'));
    t.regex((await classic.next()) ?? '', /^HTTP\/1\.1 200 OK\r\n/);

    t.is(
      await curl('-X', 'PUT', '-d', 'size: 8', `${url}/update`),
      'size: 8\n\nUpdate Data as follow:\n\nsize: 7 => 8\n\n\n\nUpdate with new data Successfully OK [200]',
    );
    const json = await curl(
      '-H',
      'Content-Type: application/json',
      '-d',
      '{"grade":"A","note":"ä: &=\\n"}',
      `${url}/create`,
    );
    t.is(json, 'grade:A\nnote:ä: &=\n\nPost Successfully OK[200]');
    t.is(
      await curl('-H', 'Accept: application/json', url),
      '{"colour":"blue","size":"8","shape":"round","grade":"A","note":"ä: &=\\n"}[200]',
    );
    t.is(await curl('-X', 'POST', '-d', 'size: 9', `${url}/create`), 'The key already exists![400]');

    const get = await curl('-i', `${url}/?limit=1`);
    const head = await curl('-I', `${url}/?limit=1`);
    const fields = (text: string) =>
      text
        .split('\n\n')[0]!
        .split('\n')
        .filter((line) => !/^(Date|Transfer-Encoding):/i.test(line));
    t.deepEqual(fields(head), fields(get));
    t.true(head.endsWith('\n\n[200]'));
    classic.destroy();
  },
);

withCurl(
  'curl sends any method, speaks HTTP/1.0, and gets a sentence for missing paths and methods',
  async (t) => {
    const { url } = await server(t);
    t.is(await curl('-X', 'FROBNICATE', `${url}/things/lamp`), 'frobnicated lamp[200]');
    t.regex(
      await curl('-i', '-X', 'UNHEARD-OF', url),
      /^HTTP\/1\.1 405 .*\nAllow: [A-Z, ]+\n.*\n\nMethod not allowed: UNHEARD-OF\[405\]$/s,
    );
    t.is(
      await curl('-X', 'GET', '-d', 'a: b', `${url}/create`),
      'Select the appropriate method(Create mode => POST)[404]',
    );
    t.is(await curl('-H', 'Host: evil.example', url), 'Not allowed host: evil.example[400]');

    const old = await curl('--http1.0', '-i', url);
    t.regex(old, /^HTTP\/1\.1 200 OK\n/);
    t.notRegex(old, /Transfer-Encoding/i);
    t.true(old.endsWith('\n\nNo data in DB[200]'));
    t.is(await curl('--http1.0', '-d', 'old: yes', `${url}/create`), 'old:yes\nPost Successfully OK[200]');
    t.is(await curl(url, url), 'The data in DB is as follows. \n\nold:yes[200]'.repeat(2));
  },
);

withCurl(
  'a large body waits for 100 Continue, and a body over the limit is refused before it is sent',
  async (t) => {
    const { url, cwd } = await server(t);
    await writeFile(`${cwd}/large`, 'x'.repeat(200_000));
    await writeFile(`${cwd}/oversized`, 'x'.repeat(200_001));
    const large = (...flags: string[]) => curl(...flags, '--data-binary', `@${cwd}/large`, `${url}/length`);
    const oversized = (...flags: string[]) =>
      curl(...flags, '--data-binary', `@${cwd}/oversized`, `${url}/length`);
    const expect = ['-i', '-H', 'Expect: 100-continue', '--expect100-timeout', '60'];

    t.regex(await large(...expect), /^HTTP\/1\.1 100 Continue\n\nHTTP\/1\.1 200 OK\n.*\n\n200000\[200\]$/s);
    t.is(await large('-H', 'Expect:'), '200000[200]');
    t.is(await large('-H', 'Transfer-Encoding: chunked', '-H', 'Expect:'), '200000[200]');
    const refused = await oversized(...expect);
    t.regex(refused, /^HTTP\/1\.1 413 .*\n\nThe body is larger than this server accepts.*\[413\]$/s);
    t.notRegex(refused, /100 Continue/);
    t.regex(await oversized('-H', 'Expect:'), /^The body is larger .*\[413\]$/s);
    t.is(await curl(url), 'No data in DB[200]');
  },
);
