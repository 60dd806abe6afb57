import { WeftError } from '../../base/errors.ts'

/** Text that says something. Older records of white space stay; no more are written. @throws WeftError `invalid_argument` */
export function requireWords(text: string): void {
  if (text === '' || text.trim() !== '') return // nothing at all is refused where the record is made
  throw new WeftError('invalid_argument', 'text: nothing but white space', { details: { path: 'text' } })
}
