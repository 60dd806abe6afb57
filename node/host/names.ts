import { assert } from '../../base/assert.ts'

/** Names of files and keys are made by this program: a bad one is a bug. Both siblings of a port refuse it alike. */

const PART = /^(?!\.\.?$)[A-Za-z0-9._-]{1,255}$/

/** `..` would leave the directory; other characters mean different things on different systems. */
export function assertFileName(name: string): void {
  assert(
    name.split('/').every(part => PART.test(part)),
    `a file name is parts of A-Z a-z 0-9 . _ - between slashes, got ${JSON.stringify(name)}`,
  )
}

/** ASCII has one order; beyond it UTF-8 bytes and JavaScript strings are ordered differently. */
export function assertKey(key: string): void {
  assert(/^\p{ASCII}+$/u.test(key), `an index key is ASCII and not empty, got ${JSON.stringify(key)}`)
}
