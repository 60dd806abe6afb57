import { accessSync, constants, existsSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { catalogue } from '../../sim/scenario/catalogue.ts'
import type { Scenario, Work } from '../../sim/scenario/scenario.ts'
import { formatScenario } from '../../sim/scenario/yaml.ts'
import { unwritable } from './report-dir.ts'
import type { Source } from './source.ts'

/**
 * Writes a scenario to a file that `weft sim run` plays again. Agents are programs: with any in it, it is a module
 * that takes them from where they came from.
 *
 * @param name the file; where it has no ending, the one that it needs is added
 * @returns the file
 */
export async function writeReproduction(scenario: Scenario, source: Source, about: readonly string[], name: string): Promise<string> {
  const hasAgents = scenario.workload.some(({ work }) => work === 'agent')
  const text = hasAgents && 'file' in source ? formatModule(scenario, await moduleOf(source.file), about) : formatScenario(scenario, about)
  const ending = hasAgents ? '.mjs' : '.yaml'
  const file = name.endsWith(ending) ? name : `${name.replace(/\.(ya?ml|m?[jt]s)$/, '')}${ending}`
  try {
    writeFileSync(file, text)
  } catch (thrown) {
    throw unwritable(file, thrown)
  }
  return file
}

/**
 * To be asked before minutes are spent on what would be written there.
 *
 * @throws WeftError `report_unwritable` when there is no such folder, or nothing can be written into it
 */
export function assertRoomFor(file: string): void {
  try {
    accessSync(dirname(resolve(file)), constants.W_OK)
  } catch (thrown) {
    throw unwritable(file, thrown)
  }
}

async function moduleOf(file: string): Promise<string> {
  if (existsSync(resolve(file))) return resolve(file)
  return (await catalogue()).find(({ name }) => name === file)?.file ?? file
}

function formatModule({ workload, ...rest }: Scenario, module: string, about: readonly string[]): string {
  return [
    ...about.map(line => `// ${line.replaceAll(/\s+/g, ' ')}`),
    `import original from ${JSON.stringify(pathToFileURL(module).href)}`,
    '',
    'const agent = name => original.workload.find(work => work.work === "agent" && work.name === name)',
    '',
    'export default {',
    ...Object.entries(rest).map(([key, value]) => `  ${key}: ${literal(value)},`),
    '  workload: [',
    ...workload.map(work => `    ${formatWork(work)},`),
    '  ],',
    '}',
    '',
  ].join('\n')
}

function formatWork(work: Work): string {
  return work.work === 'agent' ? `{ ...agent(${literal(work.name)}), on: ${literal(work.on)} }` : literal(work)
}

/** JSON, which has no word for a wire without a limit. */
function literal(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (inner === Infinity ? 1e308 : inner)).replaceAll('1e+308', 'Infinity')
}
