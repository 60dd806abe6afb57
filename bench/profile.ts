import { type Profiler, Session } from 'node:inspector'

/** What share of the time went to files of each kind. */
export interface Shares {
  /** By what `partOf` says, in per cent of what was spent in its files and in what they called of Node.js. */
  readonly parts: ReadonlyMap<string, number>
  /** Garbage collection, in per cent of everything: it belongs to no file. */
  readonly collecting: number
}

/** Profiles `work`, every 200 us. @param partOf names the part of the program a file belongs to, undefined for files that belong to none */
export function profiled(work: () => void, partOf: (url: string) => string | undefined): Shares {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.setSamplingInterval', { interval: 200 })
  session.post('Profiler.start')
  work()
  let profile: Profiler.Profile | undefined
  session.post('Profiler.stop', (_, result) => {
    profile = result.profile
  })
  session.disconnect()
  return sharesOf(profile as Profiler.Profile, partOf)
}

function sharesOf({ nodes, samples = [] }: Profiler.Profile, partOf: (url: string) => string | undefined): Shares {
  const byId = new Map(nodes.map(node => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child): [number, number] => [child, id])))
  /** A frame of Node.js itself, or of the engine, is the work of whoever called it. */
  const partAt = (id: number | undefined): string | undefined =>
    id === undefined ? undefined : (partOf(byId.get(id)?.callFrame.url ?? '') ?? partAt(parents.get(id)))
  const counts = new Map<string, number>()
  let sum = 0
  let collecting = 0
  for (const id of samples) {
    if (byId.get(id)?.callFrame.functionName === '(garbage collector)') collecting++
    const part = partAt(id)
    if (part === undefined) continue
    counts.set(part, (counts.get(part) ?? 0) + 1)
    sum++
  }
  return {
    parts: new Map([...counts].map(([part, count]) => [part, (100 * count) / sum])),
    collecting: (100 * collecting) / samples.length,
  }
}
