import { existsSync, readFileSync, statSync } from 'node:fs'
import { register } from 'node:module'
import { basename, dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { WeftError } from '../../base/errors.ts'
import { closest } from '../../sim/scenario/closest.ts'
import { loadShipped, shippedNames } from '../../sim/scenario/catalogue.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { parseScenario } from '../../sim/scenario/yaml.ts'
import { setTraps } from '../../sim/trap.ts'

const ENDINGS = /\.(ya?ml|m?ts|m?js)$/

/**
 * A scenario by the name of one that is shipped, or from a file of the user's: YAML, or a
 * module whose default export is what `defineScenario` returned.
 */
export async function loadScenario(pathOrName: string): Promise<Scenario> {
  const file = resolve(pathOrName)
  if (!existsSync(file) || statSync(file).isDirectory()) return loadNamed(pathOrName, file)
  if (!ENDINGS.test(file)) throw new WeftError('scenario_invalid', `${pathOrName}: a scenario is a .yaml, .ts or .js file`)
  if (!/\.ya?ml$/.test(file)) return loadModule(file, pathOrName)
  return parseScenario(readFileSync(file, 'utf8'), pathOrName, { readConfig: path => readFileSync(resolve(dirname(file), path), 'utf8') })
}

async function loadNamed(name: string, file: string): Promise<Scenario> {
  const names = shippedNames()
  if (names.includes(name)) return loadShipped(name)
  if (ENDINGS.test(name) || /[/\\]/.test(name))
    throw new WeftError('scenario_invalid', `there is no file ${file}`, { next: 'check the path' })
  const meant = closest(name, names)
  throw new WeftError('scenario_invalid', `there is no scenario ${name}${meant === undefined ? '' : `; did you mean ${meant}?`}`, {
    next: 'see weft sim list, or give the path of a .yaml or .ts file',
    details: { scenarios: names },
  })
}

async function loadModule(file: string, origin: string): Promise<Scenario> {
  teachNode()
  setTraps()
  let module: { readonly default?: unknown }
  try {
    module = (await import(pathToFileURL(file).href)) as typeof module
  } catch (thrown) {
    if (thrown instanceof WeftError && thrown.code === 'scenario_invalid') {
      throw new WeftError('scenario_invalid', `${origin}: ${thrown.message}`, {
        cause: thrown,
        ...(thrown.details && { details: thrown.details }),
      })
    }
    throw new WeftError('scenario_invalid', `${origin} cannot be loaded: ${await explain(thrown, file)}`, { cause: thrown })
  }
  if (isScenario(module.default)) return { ...module.default, name: module.default.name || basename(file).replace(ENDINGS, '') }
  const what = module.default === undefined ? 'has no default export' : 'exports something else by default'
  throw new WeftError('scenario_invalid', `${origin} ${what}`, {
    next: "write: export default defineScenario({ ... }), imported from 'weftmesh/sim'",
  })
}

/** What was thrown, with the line where it can be told. */
async function explain(thrown: unknown, file: string): Promise<string> {
  if (!(thrown instanceof Error)) return String(thrown)
  if (thrown.message.includes(file)) return thrown.message
  if (thrown instanceof SyntaxError) return (await misspelling(file)) ?? thrown.message
  const [, url, line] = /(file:[^\s)]+?):(\d+)/.exec(thrown.stack ?? '') ?? []
  return url === undefined ? thrown.message : `${fileURLToPath(url)}:${line}: ${thrown.message}`
}

/** Node tells the line of a syntax error to its console only; reading the file once more tells it to us. */
async function misspelling(file: string): Promise<string | undefined> {
  const { withoutTypes } = await import('./typescript-hooks.ts')
  try {
    withoutTypes(readFileSync(file, 'utf8'), file)
    return undefined
  } catch (thrown) {
    return (thrown as SyntaxError).message
  }
}

function isScenario(value: unknown): value is Scenario {
  return typeof value === 'object' && value !== null && 'nodes' in value && 'faults' in value && 'workload' in value && 'expect' in value
}

let isTaught = false

/** Once per process, and only where somebody's own module is loaded. */
function teachNode(): void {
  if (isTaught) return
  isTaught = true
  register(new URL('./typescript-hooks.js', import.meta.url))
}
