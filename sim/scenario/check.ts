import { BUGGIFY_SITES } from '../../base/buggify.ts'
import { DEFAULT_SPACE, isSpace } from '../../base/ids.ts'
import { WIRE } from '../../node/messages.ts'
import { PROTOCOLS } from '../../transport/protocols.ts'
import { HOSTILE_BEHAVIOURS } from '../byzantine/behaviours.ts'
import type { Fault } from '../faults/fault.ts'
import { SOMETIMES } from '../sometimes.ts'
import { didYouMean } from './closest.ts'
import { nodesOf } from './fault-text.ts'
import { DURATION } from './quantities.ts'
import type { Scenario } from './scenario.ts'

/** What makes no sense. */
export interface Contradiction {
  /** `faults[2]`, `workload[0]`, `buggify[1]`, `expect.sometimes[0]`, `nodes`; empty for the whole. */
  readonly path: string
  readonly message: string
}

/** Whether a scenario fits together: the faults speak of nodes that are there by then, and happen within its time. */
export function contradictionsOf(scenario: Scenario): readonly Contradiction[] {
  const found: Contradiction[] = []
  const names = scenario.nodes.map(({ name }) => name)
  const there = new Set(scenario.nodes.filter(({ isLate }) => !isLate).map(({ name }) => name))
  const killed = new Set<string>()
  for (const [i, name] of names.entries()) {
    if (names.indexOf(name) < i) found.push({ path: 'nodes', message: `there are two nodes ${name}` })
  }
  if (there.size === 0) found.push({ path: 'nodes', message: 'nobody is there at the beginning: every node is late' })
  for (const [index, { atMs, fault }] of scenario.faults.entries()) {
    const say = (message: string): void => void found.push({ path: `faults[${index}]`, message })
    if (atMs > scenario.durationMs) {
      say(`it comes at ${DURATION.format(atMs)}, but the story is over at ${DURATION.format(scenario.durationMs)} (duration)`)
    }
    for (const name of nodesOf(fault)) {
      const isNew = fault.verb === 'join' && name === fault.node && name !== fault.by
      if (!names.includes(name)) say(`there is no node ${name}${didYouMean(name, names)} (there are ${listed(names)})`)
      else if (!there.has(name) && !isNew) say(`${name} has not joined yet at ${DURATION.format(atMs)}`)
    }
    const nonsense = nonsenseOf(fault)
    if (nonsense !== undefined) say(nonsense)
    if (fault.verb === 'join' && there.has(fault.node)) say(`${fault.node} is there already`)
    if (fault.verb === 'restart' && killed.has(fault.node))
      say(`${fault.node} was killed, and nobody comes back from that; crash it instead`)
    if (fault.verb === 'join') there.add(fault.node)
    if (fault.verb === 'kill') killed.add(fault.node)
  }
  for (const name of names) if (!there.has(name)) found.push({ path: 'nodes', message: `${name} is late, and no fault lets it join` })
  for (const [i, work] of scenario.workload.entries()) {
    const space = 'space' in work ? work.space : undefined
    if (space !== undefined && !isSpace(space))
      found.push({ path: `workload[${i}]`, message: `no space can be called ${JSON.stringify(space)}` })
    if (work.work === 'roles' && space === DEFAULT_SPACE)
      found.push({ path: `workload[${i}]`, message: `${DEFAULT_SPACE} is open to all members: there are no roles in it` })
    if (work.work !== 'agent') continue
    const strangers = work.on.filter(name => !names.includes(name))
    if (strangers.length > 0)
      found.push({ path: `workload[${i}]`, message: `agent ${work.name} is on ${strangers.join(', ')}, which is no node` })
  }
  for (const [i, site] of scenario.buggify.entries()) {
    if (!SITES.includes(site)) found.push({ path: `buggify[${i}]`, message: unknown('rare branch', site, SITES) })
  }
  for (const [i, site] of scenario.expect.sometimes.entries()) {
    if (!SITUATIONS.includes(site)) found.push({ path: `expect.sometimes[${i}]`, message: unknown('situation', site, SITUATIONS) })
  }
  return found
}

const SITES: readonly string[] = Object.keys(BUGGIFY_SITES)
const SITUATIONS: readonly string[] = Object.keys(SOMETIMES)
const BEHAVIOURS: readonly string[] = HOSTILE_BEHAVIOURS.map(({ name }) => name)
const MESSAGES: readonly string[] = [...Object.keys(WIRE), ...Object.keys(PROTOCOLS)]

/** What is wrong with a fault on its own. */
function nonsenseOf(fault: Fault): string | undefined {
  if ('way' in fault && fault.way !== null && fault.way.from === fault.way.to) return `${fault.way.from} has no way to itself`
  if ('groups' in fault) {
    const all = fault.groups.flat()
    const twice = all.find((name, i) => all.indexOf(name) < i)
    if (twice !== undefined) return `${twice} is in two groups; bridge ${twice} connects it to several`
  }
  if (fault.verb === 'twin' && fault.beside.includes(fault.node)) return `${fault.node} cannot be beside its own twin`
  if (fault.verb === 'block' && !MESSAGES.includes(fault.message)) return unknown('kind of message', fault.message, MESSAGES)
  const behaviour = fault.verb === 'turn' ? fault.behaviours.find(name => !BEHAVIOURS.includes(name)) : undefined
  return behaviour === undefined ? undefined : unknown('hostile behaviour', behaviour, BEHAVIOURS)
}

function unknown(what: string, name: string, known: readonly string[]): string {
  return `there is no ${what} ${name}${didYouMean(name, known)} (there are ${known.join(', ')})`
}

function listed(names: readonly string[]): string {
  return names.length <= 12 ? names.join(', ') : `${names.slice(0, 10).join(', ')} ... ${names.at(-1)}`
}
