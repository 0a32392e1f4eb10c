/**
 * Yarn's Plug'n'Play: no `node_modules`, and packages stay in archives. Its hooks let Node load from them, and its API
 * returns the location of each package. Source: Yarn, "PnP API".
 */
import nodeModule from 'node:module';

/** The parts of the API that we use. */
interface PnpApi {
  resolveRequest(
    request: string,
    issuer: string,
    options: { readonly conditions: ReadonlySet<string>; readonly considerBuiltins: boolean },
  ): string | null;
  findPackageLocator(location: string): Locator | null;
  getPackageInformation(locator: Locator): PackageInformation | null;
}

interface Locator {
  readonly name: string | null;
  readonly reference: string | null;
}

interface PackageInformation {
  readonly packageLocation: string;
  /** By name: a reference, another package under this name, or null for a missing peer dependency. */
  readonly packageDependencies: ReadonlyMap<string, string | readonly [string, string] | null>;
}

/** The API of the project that contains a folder; undefined if it does not use Plug'n'Play. */
export function pnpOf(folder: string): PnpApi | undefined {
  // The hooks add it to Node's module.
  const { findPnpApi } = nodeModule as { findPnpApi?: (location: string) => PnpApi | null };
  return findPnpApi?.(`${folder}/`) ?? undefined;
}

/** The file to import for a package; undefined if the project in this folder has no such package. */
export function pnpEntry(
  api: PnpApi,
  name: string,
  folder: string,
  conditions: readonly string[],
): string | undefined {
  try {
    const options = { conditions: new Set(conditions), considerBuiltins: false };
    return api.resolveRequest(name, `${folder}/`, options) ?? undefined;
  } catch {
    return undefined;
  }
}

/** The folder of each dependency of the project in this folder, by its name there. */
export function pnpPackages(api: PnpApi, folder: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const project = api.findPackageLocator(`${folder}/`);
  const dependencies = project && api.getPackageInformation(project)?.packageDependencies;
  for (const [name, target] of dependencies ?? []) {
    if (target === null) continue;
    const locator =
      typeof target === 'string' ? { name, reference: target } : { name: target[0], reference: target[1] };
    const location = api.getPackageInformation(locator)?.packageLocation;
    if (location !== undefined) found.set(name, location);
  }
  return found;
}
