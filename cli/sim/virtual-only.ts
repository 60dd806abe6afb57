import type { Fault, Verb, WireQuality } from '../../sim/faults/fault.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'

type FaultOf<V extends Verb> = Extract<Fault, { readonly verb: V }>

/** Why real processes on one machine cannot do it; undefined when they can. A row for each verb, so that none is forgotten. */
const REASONS: { readonly [V in Verb]: ((fault: FaultOf<V>) => string | undefined) | string | undefined } = {
  partition: undefined,
  cut: undefined,
  restore: undefined,
  isolate: undefined,
  bridge: undefined,
  ring: undefined,
  flap: undefined,
  clog: undefined,
  swizzle: undefined,
  net: ({ quality }) => whyNotQuality(quality),
  block: 'connections are encrypted: nobody on the way sees the kind of a message',
  heal: undefined,
  crash: ({ how, torn }) =>
    how === 'power' ? 'nobody pulls the plug of this machine' : torn ? 'a process that is killed tears no write' : undefined,
  restart: undefined,
  stop: undefined,
  kill: undefined,
  pause: undefined,
  slow: 'all processes share one processor',
  mute: undefined,
  join: undefined,
  retire: undefined,
  revoke: undefined,
  upgrade: 'there is one version of the software here',
  'disk-sync-fails': 'the disk is a real one',
  'disk-full': 'the disk is a real one',
  'disk-slow': 'the disk is a real one',
  'disk-rot': 'the disk is a real one',
  'disk-ok': 'the disk is a real one',
  backup: undefined,
  'restore-backup': undefined,
  reformat: undefined,
  'clock-step': 'all processes share one clock',
  'clock-drift': 'all processes share one clock',
  'clock-freeze': 'all processes share one clock',
  turn: 'real nodes keep to the protocol',
  twin: 'real nodes keep to the protocol',
}

/** TCP hides what a lossy wire does; a stall in its place would be another fault. */
function whyNotQuality({ loss = 0, duplicates = 0, queueBytes }: WireQuality): string | undefined {
  if (loss > 0) return 'a TCP proxy loses no packets'
  if (duplicates > 0) return 'a TCP proxy repeats no packets'
  if (queueBytes !== undefined) return 'a TCP proxy makes senders wait, and refuses nothing'
  return undefined
}

export function whyVirtualOnly(fault: Fault): string | undefined {
  const reason = REASONS[fault.verb] as ((fault: Fault) => string | undefined) | string | undefined
  return typeof reason === 'function' ? reason(fault) : reason
}

/** What of a scenario happens in virtual time only, each with its reason; empty when real processes can play it. */
export function virtualOnly({ faults, net, nodes, buggify, workload }: Scenario): readonly string[] {
  const found: string[] = []
  const note = (what: string, reason: string | undefined): void => {
    if (reason !== undefined) found.push(`${what}: ${reason}`)
  }
  note('net', whyNotQuality(net))
  for (const { name, disk, clockOffsetMs, clockDriftPpm, version } of nodes) {
    if (disk !== 'ssd') note(`disk of ${name}`, 'the disk is a real one')
    if (clockOffsetMs !== 0 || clockDriftPpm !== 0) note(`clock of ${name}`, 'all processes share one clock')
    if (version !== 'current') note(`version of ${name}`, 'there is one version of the software here')
  }
  if (buggify.length > 0) note('buggify', 'real nodes take no rare branches on demand')
  for (const work of workload) if (work.work === 'agent') note(`agent ${work.name}`, 'its program is not in a module of its own')
  for (const { atMs, fault } of faults)
    note(`${atMs / 1000}s: ${fault.verb}${'node' in fault ? ` ${fault.node}` : ''}`, whyVirtualOnly(fault))
  return found
}
