#!/usr/bin/env bash
# esbuild 0.28 reads experimentalDecorators and emitDecoratorMetadata in tsconfig.json, compiles the decorators, and
# writes no metadata, without a warning. tsyringe then cannot construct a class whose parameters have no @inject, and
# says so only at run time; with @inject on each parameter the same bundle works.
. "$(dirname "$0")/lib/begin.sh"
packages esbuild@0.28.2 tsyringe@4.10.0 reflect-metadata@0.2.2 typescript@5.9.3
echo '{ "compilerOptions": { "target": "es2022", "module": "nodenext", "experimentalDecorators": true, "emitDecoratorMetadata": true, "skipLibCheck": true, "types": [] } }' >tsconfig.json
# program NAME DECORATOR: resolves a class with one dependency.
program() {
  cat >"$1.ts" <<TS
import 'reflect-metadata';
import { container, inject, injectable } from 'tsyringe';

@injectable()
class Kettle {}

@injectable()
class TeaHouse {
  constructor($2 readonly kettle: Kettle) {}
}

declare const console: { log(text: string): void };
declare const process: { exit(): never };
try {
  console.log(container.resolve(TeaHouse).kettle instanceof Kettle ? 'works' : 'undefined');
} catch {
  console.log('throws');
}
// Uses what would otherwise be an unused import.
void inject;
TS
}
program bare ''
program named '@inject(Kettle)'
esbuild() { npx esbuild "$1.ts" --bundle --platform=node --format=cjs --outfile="$1.cjs" 2>warnings && node "$1.cjs"; }
by_esbuild="bare $(esbuild bare), with @inject $(esbuild named), warnings $(grep -c WARNING warnings || true)"
npx tsc
seen "esbuild: $by_esbuild; tsc: bare $(node bare.js)" \
  'esbuild: bare throws, with @inject works, warnings 0; tsc: bare works'
