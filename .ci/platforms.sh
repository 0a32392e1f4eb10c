#!/usr/bin/env bash
# Installs the packed package with pnpm, Bun and Yarn (Plug'n'Play) and starts each installation on Node, that of Bun on
# Bun and Deno too. Each server stores an entry and is restarted over the same file: the entry must still be there. Then
# "jackfield new" must name the packed file as the source of the new project. The tools are installed as npm packages in
# a temporary folder. Prints each step; stops at the first failure.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
server=
stop() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  [ -z "$server" ] || wait "$server" 2>/dev/null || true
  server=
}
trap 'stop; rm -rf "$folder"' EXIT

cd "$root"
npm pack --silent --pack-destination "$folder" >/dev/null
tarball=$(echo "$folder"/jackfield-*.tgz)
mkdir "$folder/tools"
echo '{ "private": true }' >"$folder/tools/package.json"
npm install --silent --no-audit --no-fund --prefer-offline --prefix "$folder/tools" pnpm@12 @yarnpkg/cli-dist@4 bun@1 deno@2
PATH="$folder/tools/node_modules/.bin:$PATH"

# All package managers use npm's registry setting, and keep their caches in the temporary folder.
registry=$(npm config get registry)
export npm_config_registry=$registry BUN_CONFIG_REGISTRY=$registry YARN_NPM_REGISTRY_SERVER=$registry
export YARN_ENABLE_TELEMETRY=0 YARN_GLOBAL_FOLDER="$folder/yarn-cache" YARN_ENABLE_IMMUTABLE_INSTALLS=0
export BUN_INSTALL_CACHE_DIR="$folder/bun-cache" npm_config_store_dir="$folder/pnpm-store" DENO_NO_UPDATE_CHECK=1
case $registry in http:*) export YARN_UNSAFE_HTTP_WHITELIST='*' ;; esac

# Creates an empty project in a folder of this name and makes it the working folder.
project() {
  mkdir "$folder/$1"
  cd "$folder/$1"
  echo '{ "name": "user", "private": true, "type": "module" }' >package.json
  echo '{ "listen": { "port": 0 } }' >jackfield.config.json
}

# Starts the given command line with "serve", and sets `url`.
start() {
  "$@" serve >out.txt 2>&1 &
  server=$!
  for _ in $(seq 600); do
    url=$(sed -n 's/^jackfield listening on //p' out.txt)
    [ -z "$url" ] || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat out.txt >&2
  return 1
}

# A stored entry is still there after a restart.
serves() {
  local name=$1
  shift
  rm -rf data.json*
  start "$@"
  curl -sf "$url/create" -d 'tea: green' >/dev/null
  stop
  start "$@"
  curl -sf -H 'Accept: application/json' "$url/" | grep -q '"tea":"green"'
  stop
  echo "ok $name"
}

# "jackfield new" writes a project that depends on the packed file.
writes() {
  "$@" new server written --js >/dev/null
  source=$(node -p 'require("./written/package.json").dependencies.jackfield')
  [ "$(cd written && realpath "${source#file:}")" = "$(realpath "$tarball")" ]
  rm -r written
}

project pnpm
pnpm add --silent "$tarball" >/dev/null
serves 'pnpm, Node' node node_modules/jackfield/dist/core/cli/main.js
writes node_modules/.bin/jackfield

project bun
bun add --silent "$tarball" >/dev/null
command=node_modules/jackfield/dist/core/cli/main.js
serves 'Bun, Node' node "$command"
serves 'Bun, Bun' bun "$command"
serves 'Bun, Deno' deno run --quiet --allow-all "$command"
writes node_modules/.bin/jackfield

project yarn
: >yarn.lock
yarn add "$tarball" >/dev/null
command=$(yarn bin jackfield)
pnp() { NODE_OPTIONS="--no-warnings --require $folder/yarn/.pnp.cjs --experimental-loader file://$folder/yarn/.pnp.loader.mjs" exec node "$command" "$@"; }
serves 'Yarn, Node with Plug'"'"'n'"'"'Play' pnp
writes yarn jackfield
echo '{ "storage": { "adapter": "redis", "options": { "url": "redis://127.0.0.1:6379" } } }' >redis.json
{ yarn jackfield check --config redis.json || true; } 2>&1 | grep -q STORAGE_DRIVER_MISSING
