import { toHex, utf8 } from '../../base/bytes.ts'
import { hash } from '../../base/crypto/hash.ts'
import { KEY_MAX_BYTES } from '../../base/limits.ts'
import { isEdgeType } from '../edge-types.ts'
import { fitText, type Found, type ImportEdge, type ImportItem } from './import-item.ts'
import { fieldsOf, jsonValues, type ReadJson, textIn } from './json-document.ts'

/**
 * The file of the reference memory server of the Model Context Protocol: JSON Lines of
 * `{"type":"entity","name","entityType","observations":[...]}` and `{"type":"relation","from","to","relationType"}`, or one document
 * `{"entities":[...],"relations":[...]}` as its `read_graph` answers.
 *
 * An entity becomes a memory, and each of its observations one that is evidence for it. A relation becomes an edge where its type is
 * one of ours, and a memory of its own words otherwise, which correlates with both ends.
 */
export function parseMcpMemory(text: string): ReadJson {
  const { values, faults: unread, unit } = jsonValues(text)
  const faults = [...unread]
  const entities: Entity[] = []
  const relations: Relation[] = []
  for (const { line: at, value } of values) {
    const fields = fieldsOf(value)
    const isGraph = Array.isArray(fields?.['entities']) || Array.isArray(fields?.['relations'])
    const rows = isGraph
      ? [...listOf(fields?.['entities'], 'entity'), ...listOf(fields?.['relations'], 'relation')]
      : [[value, undefined] as const]
    for (const [i, [row, kind]] of rows.entries()) {
      const line = isGraph && unit === 'item' ? i + 1 : at
      const found = entityOf(line, row, kind) ?? relationOf(line, row, kind)
      if (found === undefined)
        faults.push({ line, code: 'import_invalid', message: 'neither an entity with a name nor a relation with two ends' })
      else if ('observations' in found) entities.push(found)
      else relations.push(found)
    }
  }
  return { found: itemsOf(entities, relations), faults, unit }
}

interface Entity {
  readonly line: number
  readonly name: string
  readonly kind: string | undefined
  readonly observations: readonly string[]
}

interface Relation {
  readonly line: number
  readonly from: string
  readonly type: string
  readonly to: string
}

type Kind = 'entity' | 'relation'

function listOf(value: unknown, kind: Kind): readonly (readonly [unknown, Kind])[] {
  return Array.isArray(value) ? value.map(row => [row, kind] as const) : []
}

function entityOf(line: number, value: unknown, kind: Kind | undefined): Entity | undefined {
  const fields = fieldsOf(value)
  const name = textIn(fields, 'name')
  if ((kind ?? fields?.['type']) !== 'entity' || name === undefined) return undefined
  const observations = fields?.['observations']
  const said = Array.isArray(observations) ? observations.filter((one): one is string => typeof one === 'string' && one.trim() !== '') : []
  return { line, name, kind: textIn(fields, 'entityType'), observations: said }
}

function relationOf(line: number, value: unknown, kind: Kind | undefined): Relation | undefined {
  const fields = fieldsOf(value)
  const [from, to, type] = [textIn(fields, 'from'), textIn(fields, 'to'), textIn(fields, 'relationType')]
  if ((kind ?? fields?.['type']) !== 'relation' || from === undefined || to === undefined || type === undefined) return undefined
  return { line, from, type, to }
}

function itemsOf(entities: readonly Entity[], relations: readonly Relation[]): readonly Found[] {
  const names = new Set(entities.map(({ name }) => name))
  const edgesFrom = new Map<string, ImportEdge[]>()
  const sentences: Found[] = []
  for (const { line, from, type, to } of relations) {
    const plain = type.toLowerCase().replace(/[\s_]+/g, '-')
    if (isEdgeType(plain) && names.has(from) && names.has(to)) {
      edgesFrom.set(from, [...(edgesFrom.get(from) ?? []), { type: plain, to: keyOf(to) }])
      continue
    }
    const said = `${from} ${type.replace(/_/g, ' ')} ${to}`
    const edges = [from, to].filter(name => names.has(name)).map((name): ImportEdge => ({ type: 'correlates', to: keyOf(name) }))
    sentences.push({ line, item: itemOf(keyOf(`${from} ${type} ${to}`), said, { relation: type }, edges) })
  }
  const told = new Set<string>()
  const memories = entities.flatMap(({ line, name, kind, observations }) => {
    const meta = { entity: name, ...(kind === undefined ? {} : { kind }) }
    const own: Found[] = []
    if (!told.has(name))
      own.push({ line, item: itemOf(keyOf(name), kind === undefined ? name : `${name} (${kind})`, meta, edgesFrom.get(name) ?? []) })
    told.add(name)
    for (const said of observations)
      own.push({ line, item: itemOf(keyOf(`${name}: ${said}`), `${name}: ${said}`, meta, [{ type: 'evidence-for', to: keyOf(name) }]) })
    return own
  })
  return [...memories, ...sentences]
}

/** Names of entities are keys; what is too long for one, or is a sentence, is known by its hash. */
function keyOf(text: string): string {
  const key = `mcp:${text}`
  return utf8(key).length <= KEY_MAX_BYTES / 4 ? key : `mcp:#${toHex(hash('content', utf8(text))).slice(0, 32)}`
}

/** Values of meta are labels: of a long name its beginning will do. */
const LABEL_MAX_BYTES = 256

function itemOf(key: string, said: string, meta: Readonly<Record<string, string>>, edges: readonly ImportEdge[]): ImportItem {
  const { text, cutBytes } = fitText(said)
  const labels = Object.fromEntries(Object.entries(meta).map(([name, value]) => [name, fitText(value, LABEL_MAX_BYTES).text]))
  return {
    key,
    text,
    meta: { ...labels, ...(cutBytes === 0 ? {} : { cut: `${cutBytes} bytes` }) },
    ...(edges.length === 0 ? {} : { edges }),
  }
}
