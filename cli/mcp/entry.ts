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
}
