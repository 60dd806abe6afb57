/** The name of the entry: clients show it, and prefix the tools with it. */
export const ENTRY = 'weft'

/** How one entry stands in a client's file. */
export interface Entry {
  /** A whole file with nothing but this entry. */
  readonly alone: string
  /**
   * The file with this entry in it, everything else as it was.
   *
   * @throws WeftError `config_invalid` when the file cannot be understood
   */
  readonly into: (text: string, file: string) => string
  /** Of the entry that stands in the file: what its command is given. Undefined without one that can be read. */
  readonly args: (text: string) => readonly string[] | undefined
}

/** The words in `args` of an entry, whatever it is. */
export function argsOf(entry: unknown): readonly string[] | undefined {
  const args = (entry as { readonly args?: unknown } | null | undefined)?.args
  return Array.isArray(args) ? args.map(String) : undefined
}
