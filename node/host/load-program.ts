import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { WeftError } from '../../base/errors.ts'
import type { Program } from '../process/behaviour.ts'
import type { Loaded } from '../step.ts'

/** Loads `file.js` (its default export) or `file.js#name`. */
export function loadProgram(path: string, then: (loaded: Loaded) => void): void {
  const cut = path.lastIndexOf('#')
  const file = resolve(cut < 0 ? path : path.slice(0, cut))
  const name = cut < 0 ? 'default' : path.slice(cut + 1)
  if (!existsSync(file)) return then({ ok: false, error: new WeftError('module_invalid', `there is no file ${file}`) })
  import(pathToFileURL(file).href).then(
    (module: Readonly<Record<string, unknown>>) => {
      const program = module[name]
      if (typeof program === 'function') return then({ ok: true, program: program as Program })
      const exported = Object.keys(module).filter(key => typeof module[key] === 'function')
      const next =
        exported.length === 0
          ? 'export a function or a class'
          : `it exports ${exported.map(key => (key === 'default' ? file : `${file}#${key}`)).join(', ')}`
      then({
        ok: false,
        error: new WeftError(
          'module_invalid',
          `${file} has no function or class as ${name === 'default' ? 'its default export' : `its export ${name}`}`,
          { next },
        ),
      })
    },
    (thrown: unknown) =>
      then({
        ok: false,
        error: new WeftError('module_invalid', `${file} cannot be loaded: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
          cause: thrown,
        }),
      }),
  )
}
