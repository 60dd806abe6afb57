import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { transformSync } from '@swc/wasm-typescript'

/**
 * Node's own loader, taught two things for modules that users write: `.ts` is JavaScript with types to take out
 * (the same on every version of Node), and `weftmesh` is the one that is running, wherever the module lies.
 */
const PACKAGE: ReadonlyMap<string, string> = new Map([
  ['weftmesh', new URL('../../node/index.js', import.meta.url).href],
  ['weftmesh/sim', new URL('../../sim/public.js', import.meta.url).href],
])

interface Resolved {
  readonly url: string
  readonly shortCircuit?: true
}
interface Loaded {
  readonly format: string
  readonly source: string
  readonly shortCircuit?: true
}

export function resolve<C>(
  specifier: string,
  context: C,
  next: (specifier: string, context: C) => Promise<Resolved>,
): Resolved | Promise<Resolved> {
  const url = PACKAGE.get(specifier)
  return url === undefined ? next(specifier, context) : { url, shortCircuit: true }
}

export function load<C>(url: string, context: C, next: (url: string, context: C) => Promise<Loaded>): Loaded | Promise<Loaded> {
  if (!/^file:.*\.m?ts$/.test(url)) return next(url, context)
  const file = fileURLToPath(url)
  return { format: 'module', source: withoutTypes(readFileSync(file, 'utf8'), file), shortCircuit: true }
}

/** Types become spaces, so that lines and columns stay what they were. @throws SyntaxError with file and line in its message */
export function withoutTypes(source: string, file: string): string {
  try {
    return transformSync(source, { mode: 'strip-only', filename: file, module: true }).code
  } catch (thrown) {
    const { message, startLine } = thrown as { readonly message: string; readonly startLine?: number }
    // Errors cross threads as their message only.
    throw new SyntaxError(`${file}${startLine === undefined ? '' : `:${startLine}`}: ${message}`)
  }
}
