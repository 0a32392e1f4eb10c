/** Tables of options in the documentation, and what they have to say. */
export interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly default?: unknown;
}

/** `name` → what its cell of the column "Default" says; those of lists of objects as `list[].name`. */
export function expectedRows({ properties = {} }: JsonSchema, prefix = ''): [string, string][] {
  return Object.entries(properties).flatMap(([name, schema]): [string, string][] => [
    [prefix + name, schema.default === undefined ? '' : JSON.stringify(schema.default)],
    ...(schema.items === undefined ? [] : expectedRows(schema.items, `${prefix}${name}[].`)),
  ]);
}

/** The rows of the table of options in a section. */
export function toldRows(section: string): [string, string][] {
  const table = section.split('| Option | Default | Means |\n')[1]?.split('\n\n')[0];
  if (table === undefined) return [];
  return table
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((row) => {
      const [, name = '', told = '', means = ''] = row
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1'));
      if (means === '') throw new Error(`No meaning: ${row}`);
      return [name, told];
    });
}
