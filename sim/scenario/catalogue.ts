import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Scenario } from './scenario.ts'
import { parseScenario } from './yaml.ts'

/**
 * The scenarios that come with weftmesh: data beside the sources, and modules beside this one. Found from where
 * this module is, so in a checkout and in an installed package alike.
 */
export interface CatalogueEntry {
  readonly name: string
  /** The first sentence of what it is about. */
  readonly about: string
  /** To read, or to copy and change. */
  readonly file: string
  /** How many there are. */
  readonly nodes: number
  readonly faults: number
}

/** This module is in `build/sim/scenario/`; data is not compiled. */
const YAML_FOLDER: string = fileURLToPath(new URL('../../../sim/scenarios/', import.meta.url))
const MODULE_FOLDER: string = fileURLToPath(new URL('../scenarios/', import.meta.url))

/** All of them, by name. */
export async function catalogue(): Promise<readonly CatalogueEntry[]> {
  return Promise.all(
    shippedNames().map(async name => {
      const { about, nodes, faults } = await loadShipped(name)
      return { name, about: firstSentence(about), file: fileOf(name), nodes: nodes.length, faults: faults.length }
    }),
  )
}

export function shippedNames(): readonly string[] {
  const names = [...namesIn(YAML_FOLDER, '.yaml'), ...namesIn(MODULE_FOLDER, '.js')]
  return names.sort()
}

/** @param name one of `shippedNames` */
export async function loadShipped(name: string): Promise<Scenario> {
  const file = fileOf(name)
  if (file.endsWith('.yaml')) return parseScenario(readFileSync(file, 'utf8'), file)
  const module = (await import(new URL(`../scenarios/${name}.js`, import.meta.url).href)) as { readonly default: Scenario }
  return module.default
}

function fileOf(name: string): string {
  const yaml = `${YAML_FOLDER}${name}.yaml`
  return existsSync(yaml) ? yaml : `${MODULE_FOLDER}${name}.js`
}

function namesIn(folder: string, ending: string): readonly string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter(file => file.endsWith(ending))
    .map(file => file.slice(0, -ending.length))
}

function firstSentence(about: string): string {
  return (/^.*?[.!?](?=\s|$)/s.exec(about)?.[0] ?? about).trim()
}
