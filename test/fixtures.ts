import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The checkout this test was built from: the nearest folder above with a package.json. */
export function projectRoot(): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}
