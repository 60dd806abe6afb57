import { timingSafeEqual } from 'node:crypto'

/** The header `Authorization` of a request carries this token. Takes as long for any that is as long. */
export function isBearer(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? '')
  const wanted = Buffer.from(`Bearer ${token}`)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
