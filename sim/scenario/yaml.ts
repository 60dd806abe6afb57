import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { quoteFaults } from './quote-faults.ts'
import { readScenario } from './read-scenario.ts'
import { Reader } from './reader.ts'
import type { Scenario } from './scenario.ts'
import { type Row, type Value, within } from './value.ts'

export { formatScenario } from './format-scenario.ts'

export interface YamlOptions {
  /** The text of a weft.toml that the scenario names; may throw. */
  readonly readConfig?: (path: string) => string
}

/**
 * A scenario written in YAML.
 *
 * @param fileName what errors call it, and, without its ending, the name of a scenario that gives none
 * @throws WeftError `scenario_invalid` with the file, line and key of every mistake of form and what is allowed there, or, where
 * there is none, of everything that makes no sense
 */
export function parseScenario(text: string, fileName: string, { readConfig }: YamlOptions = {}): Scenario {
  const name = fileName.replace(/^.*[/\\]/, '').replace(/\.ya?ml$/, '')
  return readScenario({ root: treeOf(text, fileName), origin: fileName, name, isCode: false, readConfig })
}

/** Every value a text: what `5%` and `10s` mean is not YAML's business. */
function treeOf(text: string, fileName: string): Value {
  const lines = new LineCounter()
  const document = parseDocument(quoteFaults(text), { schema: 'failsafe', uniqueKeys: false, lineCounter: lines, prettyErrors: false })
  const reader = new Reader(false)
  for (const { message, pos } of document.errors) reader.problem({ path: '', line: lines.linePos(pos[0]).line }, message)
  reader.settle(fileName)

  const lineOf = (node: Node | null): number => (node?.range == null ? 1 : lines.linePos(node.range[0]).line)
  const valueOf = (node: Node | null, path: string, line: number): Value => {
    const place = { path, line: node === null ? line : lineOf(node) }
    if (isMap<Node, Node | null>(node)) {
      return {
        kind: 'table',
        place,
        rows: node.items.map(({ key, value }): Row => {
          const name = isScalar(key) ? String(key.value) : key.toString()
          const keyPlace = { path: within(path, name), line: lineOf(key) }
          return { key: name, place: keyPlace, value: valueOf(value, keyPlace.path, keyPlace.line) }
        }),
      }
    }
    if (isSeq<Node>(node)) return { kind: 'list', place, items: node.items.map((item, i) => valueOf(item, `${path}[${i}]`, place.line)) }
    if (isAlias(node)) reader.problem(place, `*${node.source} is a YAML alias: write out what it stands for`)
    return { kind: 'text', place, text: isScalar(node) && typeof node.value === 'string' ? node.value : '' }
  }
  const root = valueOf(document.contents, '', 1)
  reader.settle(fileName)
  if (root.kind === 'text' && root.text === '')
    reader.problem(root.place, 'there is nothing in it; a whole scenario is for example: nodes: 5')
  reader.settle(fileName)
  return root
}
