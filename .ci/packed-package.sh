#!/usr/bin/env bash
# Packs the package, installs it in an empty project and uses it there as its users do: from TypeScript, from
# JavaScript, by its command, with the examples. Prints what it did; the first failure ends it.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT

cd "$root"
npm pack --silent --pack-destination "$project" >/dev/null

cd "$project"
echo '{ "name": "user", "private": true, "type": "module" }' >package.json
# Types of Node are a development dependency of every TypeScript project; zod is what plugins describe options with.
version_of() { node -p "require('$root/node_modules/$1/package.json').version"; }
npm install --silent --no-audit --no-fund --prefer-offline \
  ./jackfield-*.tgz "zod@$(version_of zod)" "@types/node@$(version_of @types/node)"
rm jackfield-*.tgz

echo '# what is in the package'
if find node_modules/jackfield -name '*.test.js' -path '*/dist/*' | grep .; then
  echo 'tests are packed' >&2
  exit 1
fi
for file in README.md CHANGELOG.md LICENSE core/ERRORS.md docs/plugins.md; do test -f "node_modules/jackfield/$file"; done

echo '# TypeScript, all types checked, and what it compiles to'
cp "$root"/.ci/packed-package/* .
node "$root/node_modules/typescript/bin/tsc" -p .
node compiled/use.js
node compiled/use.cjs

echo '# the command'
npx --no-install jackfield --version
cp -R "$root/examples" .
for config in examples/*/jackfield.config.json; do
  # These two need a server of their own and a driver that is not installed here; the tests run them with both.
  case $config in */postgres/* | */redis/*) continue ;; esac
  npx --no-install jackfield check --config "$config"
done
# What the driver's absence is called, and what to do about it.
{ npx --no-install jackfield check --config examples/redis/jackfield.config.json || true; } 2>&1 |
  grep 'npm install redis.*STORAGE_DRIVER_MISSING'
node serve.js examples/custom-method/jackfield.config.json

echo '# the examples'
node examples/programmatic/main.js
node --test --test-reporter=tap examples/custom-adapter/journal.test.js | grep -E '^# (pass|fail)'
