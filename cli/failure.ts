import { AssertionError } from '../base/assert.ts'
import { asWeftError, ERRORS, WeftError } from '../base/errors.ts'
import { styled, talk, writeDocument } from './output.ts'

/**
 * Says what went wrong: a line and the next step on stderr, for people; with `--json` the
 * same as a document on stdout, for programs.
 *
 * @returns the exit code
 */
export function reportFailure(thrown: unknown, isJson: boolean): number {
  const error = asWeftError(thrown)
  const { code, message, next } = error
  talk(`${styled('red', 'weft:', process.stderr)} ${message} ${styled('dim', `(${code})`, process.stderr)}`)
  if (code === 'internal' || thrown instanceof AssertionError) talk((thrown as Error).stack ?? '')
  if (next !== undefined) talk(`      ${next}`)
  if (isJson) writeDocument({ error })
  return ERRORS[code].exit
}

/** A file that the caller named cannot be made. */
export function cannotWrite(file: string, thrown: unknown): WeftError {
  return new WeftError('invalid_argument', `cannot write ${file}: ${(thrown as Error).message}`, { cause: thrown })
}
