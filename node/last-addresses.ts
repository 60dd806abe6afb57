import type { SettingInfo } from './api.ts'
import { type Config, listensBeyondLoopback } from './config.ts'

/**
 * Where others could last reach a node. A flag counts for one start: a node that was told by flags where to listen, and is
 * started without them, is where nobody finds it. What it was told is kept, so that somebody can be told.
 */
export interface LastAddresses {
  readonly listen?: readonly string[]
  readonly announce?: readonly string[]
}

/** What to keep of this start. What was left out stays as it was; to be told to stay on this machine leaves nothing to miss. */
export function lastAddresses({ listen, announce }: Pick<Config, 'listen' | 'announce'>, before: LastAddresses): LastAddresses {
  const isTold = listen.from !== 'default'
  const announced = isTold || announce.from !== 'default' ? announce.value : (before.announce ?? [])
  const isReachable = listensBeyondLoopback(listen.value) || announced.length > 0
  const listened = isTold ? (isReachable ? listen.value : []) : (before.listen ?? [])
  return { ...(listened.length > 0 ? { listen: listened } : {}), ...(announced.length > 0 ? { announce: announced } : {}) }
}

/** What to tell whoever has started a node that could be reached before. Undefined when nothing is missing. */
export function missingAddresses(settings: readonly SettingInfo[], last: LastAddresses): string | undefined {
  const isDefault = (name: string): boolean => settings.some(({ setting, from }) => setting === name && from === 'default')
  if (!isDefault('listen')) return undefined
  const listened = last.listen?.length ? [`listened on ${last.listen.join(', ')}`] : []
  const announced = last.announce?.length && isDefault('announce') ? [`announced ${last.announce.join(', ')}`] : []
  const flags = [...(listened.length > 0 ? ['--listen'] : []), ...(announced.length > 0 ? ['--announce'] : [])]
  if (flags.length === 0) return undefined
  const [again, them] = flags.length === 1 ? [flags[0], 'it'] : ['--listen and --announce', 'them']
  return `it ${[...listened, ...announced].join(' and ')} before, and does not now: pass ${again} again, or put ${them} in weft.toml`
}
