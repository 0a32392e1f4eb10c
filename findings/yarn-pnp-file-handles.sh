#!/usr/bin/env bash
# Under Yarn 4 Plug'n'Play, node:fs/promises returns file handles of Yarn, whose sync and datasync are not implemented:
# a program that syncs its files fails there, although it does not touch an archive. fs.fsync of the same file works.
. "$(dirname "$0")/lib/begin.sh"
packages @yarnpkg/cli-dist@4.18.1
yarn="$work/node_modules/@yarnpkg/cli-dist/bin/yarn.js"
mkdir -p project cache && cd project
echo '{ "name": "tea", "private": true }' >package.json
printf 'nodeLinker: pnp\nenableTelemetry: false\nenableGlobalCache: false\n' >.yarnrc.yml
: >yarn.lock
cat >sync.cjs <<'JS'
const fs = require('node:fs');
const { open } = require('node:fs/promises');
const tell = (name, error) => console.log(`${name}: ${error === undefined ? 'works' : error.message}`);
(async () => {
  const handle = await open('data', 'w');
  await handle.writeFile('tea');
  for (const name of ['sync', 'datasync']) await (async () => handle[name]())().then(() => tell(name), (error) => tell(name, error));
  fs.fsync(fs.openSync('data', 'r+'), (error) => tell('fsync', error ?? undefined));
})();
JS
node "$yarn" install >install.log 2>&1 || { cat install.log >&2; exit 2; }
seen "$(node "$yarn" node sync.cjs | tr '\n' ';')" \
  'sync: Method not implemented.;datasync: Method not implemented.;fsync: works;'
