#!/usr/bin/env bash
# Packs the package, installs it in an empty project and uses it there like a user: from TypeScript, from JavaScript,
# with its command, with the examples, and with packages of other authors. Prints each step; stops at the first failure.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
project=$(mktemp -d)
packed=$(mktemp -d)
made=$(mktemp -d)
trap 'rm -rf "$project" "$packed" "$made"' EXIT

cd "$root"
npm pack --silent --pack-destination "$packed" >/dev/null
tarball=$(echo "$packed"/jackfield-*.tgz)

install() { npm install --silent --no-audit --no-fund --prefer-offline "$@"; }

cd "$project"
echo '{ "name": "user", "private": true, "type": "module" }' >package.json
# Every TypeScript project has the types of Node as a development dependency; plugins describe their options with zod.
version_of() { node -p "require('$root/node_modules/$1/package.json').version"; }
install "$tarball" "zod@$(version_of zod)" "@types/node@$(version_of @types/node)"

echo '# what is in the package'
if find node_modules/jackfield -name '*.test.js' -path '*/dist/*' | grep .; then
  echo 'tests are packed' >&2
  exit 1
fi
for file in README.md CHANGELOG.md LICENSE core/ERRORS.md docs/index.md docs/plugins.md; do
  test -f "node_modules/jackfield/$file"
done

echo '# TypeScript, all types checked, and what it compiles to'
cp "$root"/.ci/packed-package/*.* .
tsc() { node "$root/node_modules/typescript/bin/tsc" "$@"; }
tsc -p .
node compiled/use.js
node compiled/use.cjs
# Other common settings: Node's older resolution, and bundlers, where type imports have to be marked.
for settings in node16 bundler; do tsc -p "tsconfig.$settings.json"; done

echo '# JavaScript'
node use.js

echo '# the command'
PATH="$project/node_modules/.bin:$PATH"
[ "$(jackfield --version)" = "$(node -p "require('$root/package.json').version")" ]
cp -R "$root/examples" .
for config in examples/*/jackfield.config.json; do
  # These need a driver that is not installed here, and two of them a server too. The tests of the repository run them.
  case $config in */lmdb/* | */postgres/* | */redis/*) continue ;; esac
  jackfield check --config "$config"
done
# The error for a missing driver names the code and the command that installs it.
{ jackfield check --config examples/redis/jackfield.config.json || true; } 2>&1 |
  grep 'npm install redis.*STORAGE_DRIVER_MISSING'
# The error in a CommonJS project, as "npm init" writes it.
mkdir commonjs
echo '{ "type": "commonjs" }' >commonjs/package.json
cp examples/guide/hello.* commonjs
{ jackfield check --config commonjs/hello.json || true; } 2>&1 | grep '"type": "module"'
node serve.js examples/custom-method/jackfield.config.json

echo '# the examples'
node examples/programmatic/main.js
node --test --test-reporter=tap examples/custom-adapter/journal.test.js | grep -E '^# (pass|fail)'

# Each in its own folder, so that it finds jackfield only through its own package.json, which names the file packed above.
echo '# new: each kind in each language, installed and tested'
cd "$made"
for kind in plugin adapter server; do
  for language in ts js; do
    folder="$kind-$language"
    jackfield new "$kind" tea --"$language" --folder "$folder" | head -1
    (cd "$folder" && install && npm test --silent | grep -E ' (pass|fail) [0-9]+$')
  done
done
(cd server-ts && npm run --silent check)

echo '# the plugin of the guide, as the guide has it made'
jackfield new plugin links --js
cp "$root"/examples/guide/plugin*.js jackfield-plugin-links
(cd jackfield-plugin-links && install && npm test --silent | grep -E ' (pass|fail) [0-9]+$')

# As other authors publish them: packed, and installed from the packed file.
echo '# packages of others, found by name and by keyword'
jackfield new plugin @me/steep --js | head -1
for folder in plugin-ts adapter-js jackfield-plugin-links jackfield-plugin-steep; do
  (cd "$folder" && npm pack --silent --pack-destination "$packed" >/dev/null)
done
npm pack --silent --pack-destination "$packed" "$root/.ci/packed-package/parrot" >/dev/null
cd "$project"
install "$packed"/{jackfield-plugin-{tea,links},me-jackfield-plugin-steep,jackfield-adapter-tea,parrot-for-jackfield}-*.tgz
jackfield plugins --installed >installed.txt
for name in tea links @me/steep parrot-for-jackfield; do grep -E "^$name +package " installed.txt; done
jackfield check --config others.config.json
# One of them has its own copy of jackfield, as npm installs it if the version ranges do not fit.
mkdir -p node_modules/parrot-for-jackfield/node_modules
cp -R node_modules/jackfield node_modules/parrot-for-jackfield/node_modules/
jackfield plugins --config others.config.json
jackfield schema --config others.config.json --output others.schema.json
node use-others.js others.config.json others.schema.json
