import { BUGGIFY_SITES } from '../../base/buggify.ts'
import { HOSTILE_BEHAVIOURS } from '../byzantine/behaviours.ts'
import type { Fault, TimedFault, Way, WireQuality } from '../faults/fault.ts'
import { SimRandom } from '../random.ts'
import type { NodeSpec, Scenario, Work } from './scenario.ts'

/**
 * A scenario drawn from a seed. Not everything at once: each seed switches a random subset of the kinds of
 * faults on (swarm testing, Groce et al. 2012), so that one kind does not hide what another would show.
 */
export const PROFILES = ['swarm', 'network', 'disk', 'byzantine'] as const
export type Profile = (typeof PROFILES)[number]

export interface SwarmOptions {
  readonly profile: Profile
  /** First nodes; up to two more may join. */
  readonly nodes: number
  readonly durationMs: number
}

export const SWARM_DEFAULTS: SwarmOptions = { profile: 'swarm', nodes: 5, durationMs: 300_000 }

/** In per mille: how likely a seed of each profile has faults of a kind. */
const LIKELY: Readonly<Record<Profile, Readonly<Record<Kind, number>>>> = {
  swarm: {
    network: 800,
    quality: 600,
    life: 700,
    gray: 400,
    churn: 300,
    disk: 300,
    loss: 150,
    clock: 400,
    hostile: 350,
    upgrade: 150,
    buggify: 700,
    spaces: 250,
  },
  network: {
    network: 1000,
    quality: 1000,
    life: 200,
    gray: 300,
    churn: 0,
    disk: 0,
    loss: 0,
    clock: 0,
    hostile: 0,
    upgrade: 0,
    buggify: 500,
    spaces: 200,
  },
  disk: {
    network: 300,
    quality: 0,
    life: 1000,
    gray: 0,
    churn: 0,
    disk: 1000,
    loss: 400,
    clock: 0,
    hostile: 0,
    upgrade: 0,
    buggify: 700,
    spaces: 200,
  },
  byzantine: {
    network: 500,
    quality: 300,
    life: 300,
    gray: 0,
    churn: 200,
    disk: 0,
    loss: 0,
    clock: 0,
    hostile: 1000,
    upgrade: 0,
    buggify: 300,
    spaces: 200,
  },
}
type Kind = 'network' | 'quality' | 'life' | 'gray' | 'churn' | 'disk' | 'loss' | 'clock' | 'hostile' | 'upgrade' | 'buggify' | 'spaces'

const SECOND = 1_000
const VAULT = 'vault'
/** Before a node loses its memory all must have had the time to tell each other what it published. */
const CALM_MS = 30 * SECOND

export function drawSwarm(seed: number, options: SwarmOptions = SWARM_DEFAULTS): Scenario {
  return new Swarm(seed, options).draw()
}

/** Something that begins and ends. */
interface Episode {
  readonly fromMs: number
  readonly toMs: number
  readonly faults: readonly TimedFault[]
}

class Swarm {
  readonly #seed: number
  readonly #options: SwarmOptions
  readonly #names: readonly string[]
  /** Never the founder: it is the only admin. */
  readonly #expendable: string[]
  readonly #late: string[] = []
  readonly #episodes: Episode[] = []
  readonly #guard: Scenario['guard']
  /** The wires when nothing is wrong with them. */
  #base: WireQuality = {}

  constructor(seed: number, options: SwarmOptions) {
    this.#seed = seed
    this.#options = options
    this.#names = Array.from({ length: options.nodes }, (_, i) => `n${i + 1}`)
    this.#expendable = this.#random('expendable').shuffle(this.#names.slice(1))
    // A minority may be lost for good; half of it when a majority must vouch.
    const guard = this.#random('guard')
    this.#guard = guard.chance(250) ? 'majority' : 'one'
    this.#expendable.length = Math.floor((options.nodes - 1) / (this.#guard === 'majority' ? 4 : 2))
  }

  draw(): Scenario {
    const { profile, durationMs } = this.#options
    const draws: Readonly<Record<Exclude<Kind, 'buggify' | 'upgrade' | 'spaces'>, (random: SimRandom) => void>> = {
      loss: random => this.#loss(random),
      network: random => this.#inTurns(random, 20, () => this.#networkEpisode(random)),
      quality: random => this.#inTurns(random, 40, () => this.#qualityEpisode(random)),
      life: random => this.#inTurns(random, 30, () => this.#lifeEpisode(random)),
      gray: random => this.#inTurns(random, 50, () => this.#grayEpisode(random)),
      disk: random => this.#inTurns(random, 50, () => this.#diskEpisode(random)),
      clock: random => this.#inTurns(random, 60, () => this.#clockEpisode(random)),
      hostile: random => this.#hostile(random),
      churn: random => this.#churn(random, on.has('loss')),
    }
    const on: ReadonlySet<Kind> = new Set(
      (Object.keys(LIKELY[profile]) as Kind[]).filter(kind => this.#random(`on/${kind}`).chance(LIKELY[profile][kind])),
    )
    this.#base = this.#net(on)
    const calm = this.#random('calm')
    if (calm.chance(300)) this.#calmStretch(calm)
    for (const [kind, draw] of Object.entries(draws)) if (on.has(kind as Kind)) draw(this.#random(kind))
    const upgrade = this.#random('upgrade')
    const previous = new Set(on.has('upgrade') ? this.#names.filter(() => upgrade.chance(500)) : [])
    for (const node of previous) this.#once(upgrade, { verb: 'upgrade', node })
    const faults = this.#episodes.flatMap(episode => episode.faults).sort((a, b) => a.atMs - b.atMs)
    return {
      name: `swarm-${this.#seed}`,
      about: `Drawn from seed ${this.#seed}, profile ${profile}: ${[...on].join(', ') || 'no faults'}.`,
      nodes: [...this.#names, ...this.#late].map(name => this.#node(name, on, previous)),
      net: this.#base,
      workload: [...this.#workload(), ...(on.has('spaces') ? this.#vault() : [])],
      faults,
      durationMs,
      expect: { convergeMs: 120 * SECOND, falsePositives: null, sometimes: [], forkedLogs: null },
      guard: this.#guard,
      buggify: on.has('buggify') ? Object.keys(BUGGIFY_SITES).filter(site => this.#random(`buggify/${site}`).chance(250)) : [],
      seed: this.#seed,
    }
  }

  #random(stream: string): SimRandom {
    return new SimRandom(this.#seed, `swarm/${stream}`)
  }

  // ---- who is there

  #node(name: string, on: ReadonlySet<Kind>, previous: ReadonlySet<string>): NodeSpec {
    const random = this.#random(`node/${name}`)
    const hasClock = on.has('clock')
    return {
      name,
      disk: random.chance(700) ? 'ssd' : random.chance(500) ? 'hdd' : 'slow',
      clockOffsetMs: hasClock && random.chance(500) ? random.below(20_000) - 10_000 : 0,
      clockDriftPpm: hasClock && random.chance(500) ? random.below(1_001) - 500 : 0,
      version: previous.has(name) ? 'previous' : 'current',
      isLate: this.#late.includes(name),
    }
  }

  #net(on: ReadonlySet<Kind>): WireQuality {
    const random = this.#random('net')
    if (random.chance(600)) return { delayMinMs: 0.2, delayMeanMs: 0.3 }
    const lossy = on.has('quality') && random.chance(300)
    return { delayMinMs: 1 + random.below(30), delayMeanMs: random.below(50), ...(lossy ? { loss: random.below(50) / 1000 } : {}) }
  }

  /** About three things in four seconds. */
  #workload(): readonly Work[] {
    const random = this.#random('work')
    const rate = (perMinute: number): number => Math.max(1, (perMinute * (350 + random.below(800))) / 1_000) / 60
    const all: readonly Work[] = [
      { work: 'remember', perSecond: rate(10), keys: 0 },
      { work: 'remember', perSecond: rate(8), keys: 1 + random.below(6) },
      { work: 'link', perSecond: rate(6) },
      { work: 'supersede', perSecond: rate(6) },
      { work: 'forget', perSecond: rate(4) },
      { work: 'recall', perSecond: rate(5) },
      { work: 'message', mode: 'send', perSecond: rate(12) },
      { work: 'message', mode: 'call', perSecond: rate(8) },
      { work: 'message', mode: 'at-least-once', perSecond: rate(4) },
      { work: 'process', perSecond: rate(6) },
    ]
    const some = all.filter(() => random.chance(800))
    return some.length === 0 ? all : some
  }

  /** An encrypted space, in which half as much is said as in `main`, and somebody's role changes every ten seconds. */
  #vault(): readonly Work[] {
    const random = this.#random('vault')
    const rate = (perMinute: number): number => (perMinute * (350 + random.below(800))) / 1_000 / 60
    return [
      { work: 'roles', perSecond: rate(6), space: VAULT },
      { work: 'remember', perSecond: rate(6), keys: random.below(4), space: VAULT },
      { work: 'link', perSecond: rate(2), space: VAULT },
      { work: 'supersede', perSecond: rate(3), space: VAULT },
      { work: 'forget', perSecond: rate(3), space: VAULT },
      { work: 'recall', perSecond: rate(3), space: VAULT },
    ]
  }

  // ---- what goes wrong

  /** Episodes one after the other, about `everySeconds` apart. */
  #inTurns(random: SimRandom, everySeconds: number, draw: () => EpisodeDraft): void {
    for (let atMs = SECOND; ; ) {
      atMs += SECOND + random.below(2 * everySeconds * SECOND)
      const { lastsMs, begin, end } = draw()
      const toMs = atMs + lastsMs
      if (toMs > this.#options.durationMs) return
      const faults = [...begin.map(fault => ({ atMs, fault })), ...end.map(fault => ({ atMs: toMs, fault }))]
      this.#add({ fromMs: atMs, toMs, faults })
      atMs = toMs
    }
  }

  /** @returns false when it would break the calm around another, and is left out */
  #add(episode: Episode): boolean {
    const isFree = this.#calm.every(([fromMs, toMs]) => episode.toMs < fromMs || episode.fromMs > toMs)
    if (isFree) this.#episodes.push(episode)
    return isFree
  }

  readonly #calm: (readonly [fromMs: number, toMs: number])[] = []

  #networkEpisode(random: SimRandom): EpisodeDraft {
    const lastsMs = random.chance(500) ? random.below(8 * SECOND) : random.below(60 * SECOND)
    const groups = this.#split(random)
    const way = this.#way(random)
    const timed = { lastsMs, end: [] }
    const healed = (...begin: readonly Fault[]): EpisodeDraft => ({ lastsMs, begin, end: [{ verb: 'heal' }] })
    switch (random.below(9)) {
      case 0:
      case 1:
        return healed({ verb: 'partition', groups })
      case 2:
        return healed(
          ...(groups[0] as string[]).flatMap(from =>
            (groups[1] as string[]).map((to): Fault => ({ verb: 'cut', way: { from, to, both: false } })),
          ),
        )
      case 3:
        return healed({ verb: 'isolate', node: random.pick(this.#names) })
      case 4: {
        const node = random.pick(this.#names)
        return healed({
          verb: 'bridge',
          node,
          groups: groups.map(group => group.filter(name => name !== node)).filter(group => group.length > 0),
        })
      }
      case 5:
        return healed({ verb: 'ring', nodes: random.shuffle(this.#names) })
      case 6:
        return { ...timed, begin: [{ verb: 'flap', way, everyMs: 200 + random.below(8 * SECOND), forMs: lastsMs }] }
      case 7:
        return { ...timed, begin: [{ verb: 'clog', way, forMs: lastsMs }] }
      default:
        return random.chance(500)
          ? { ...timed, begin: [{ verb: 'swizzle', nodes: this.#names, forMs: lastsMs }] }
          : healed({ verb: 'block', message: random.pick(BLOCKED), way: random.chance(500) ? way : null })
    }
  }

  #qualityEpisode(random: SimRandom): EpisodeDraft {
    const quality: WireQuality = {
      delayMinMs: random.below(30),
      delayMeanMs: random.below(100),
      loss: random.chance(500) ? random.below(300) / 1000 : 0,
      duplicates: random.chance(300) ? random.below(500) / 1000 : 0,
      ...(random.chance(300) ? { bytesPerSecond: 20_000 + random.below(200_000), queueBytes: 20_000 + random.below(500_000) } : {}),
    }
    const way = random.chance(500) ? this.#way(random) : null
    return {
      lastsMs: random.below(60 * SECOND),
      begin: [{ verb: 'net', way, quality }],
      end: [{ verb: 'net', way, quality: { ...NO_QUALITY, ...this.#base } }],
    }
  }

  #lifeEpisode(random: SimRandom): EpisodeDraft {
    const count = random.chance(800) ? 1 : 1 + random.below(this.#names.length)
    const nodes = random.shuffle(this.#names).slice(0, count)
    const begin = nodes.map((node): Fault => {
      if (random.chance(150)) return { verb: 'stop', node }
      const how = random.chance(600) ? 'power' : 'process'
      return { verb: 'crash', node, how, torn: how === 'power' && random.chance(500) }
    })
    return { lastsMs: random.below(20 * SECOND), begin, end: nodes.map(node => ({ verb: 'restart', node })) }
  }

  #grayEpisode(random: SimRandom): EpisodeDraft {
    const node = random.pick(this.#names)
    const forMs = random.below(32 * SECOND)
    const begin: Fault = random.pick([
      { verb: 'pause', node, forMs },
      { verb: 'mute', node, forMs },
      { verb: 'slow', node, factor: 2 + random.below(99), forMs },
    ])
    return { lastsMs: forMs, begin: [begin], end: [] }
  }

  #diskEpisode(random: SimRandom): EpisodeDraft {
    const node = random.pick(this.#names)
    const lastsMs = random.below(20 * SECOND)
    switch (random.below(3)) {
      case 0:
        return { lastsMs: 0, begin: [{ verb: 'disk-sync-fails', node }], end: [] }
      case 1:
        return { lastsMs, begin: [{ verb: 'disk-slow', node, latencyMs: 1 + random.below(200), forMs: lastsMs }], end: [] }
      default:
        return { lastsMs, begin: [{ verb: 'disk-full', node, bytes: random.below(2_000) }], end: [{ verb: 'disk-ok', node }] }
    }
  }

  #clockEpisode(random: SimRandom): EpisodeDraft {
    const node = random.pick(this.#names)
    const forMs = random.below(30 * SECOND)
    switch (random.below(3)) {
      case 0: {
        // Forwards not as far as others refuse, for what is written then is from the future for good; backwards as far as it goes.
        const stepMs = random.chance(500) ? random.below(45 * SECOND) : -random.below(3_600 * SECOND)
        return { lastsMs: forMs, begin: [{ verb: 'clock-step', node, stepMs }], end: [{ verb: 'clock-step', node, stepMs: -stepMs }] }
      }
      case 1:
        return { lastsMs: 0, begin: [{ verb: 'clock-drift', node, driftPpm: random.below(1_001) - 500 }], end: [] }
      default:
        return { lastsMs: forMs, begin: [{ verb: 'clock-freeze', node, forMs }], end: [] }
    }
  }

  /** A node forgets what it wrote: from a backup, or for good. First of all, since it needs a time for itself. */
  #loss(random: SimRandom): void {
    const { durationMs } = this.#options
    if (durationMs < 4 * CALM_MS) return
    const node = random.pick(this.#names)
    const atMs = 2 * CALM_MS + random.below(durationMs - 3 * CALM_MS)
    const faults: readonly TimedFault[] = random.chance(500)
      ? [
          { atMs: random.below(atMs - CALM_MS), fault: { verb: 'backup', node } },
          { atMs, fault: { verb: 'restore-backup', node } },
        ]
      : [{ atMs, fault: { verb: 'reformat', node } }]
    const backMs = atMs + random.below(10 * SECOND)
    this.#add({ fromMs: atMs, toMs: backMs, faults: [...faults, { atMs: backMs, fault: { verb: 'restart', node } }] })
    this.#calm.push([atMs - CALM_MS, atMs + CALM_MS])
  }

  #hostile(random: SimRandom): void {
    const node = this.#expendable.pop()
    if (node === undefined) return
    const names = HOSTILE_BEHAVIOURS.filter(({ isDefended, name }) => isDefended && (!COSTLY.has(name) || random.chance(250))).map(
      ({ name }) => name,
    )
    // Some tricks for a while, then others: more of them at once, and most of the time nobody would talk to it.
    for (let turns = 1 + random.below(3); turns > 0; turns--) {
      const atMs = SECOND + random.below(Math.floor(this.#options.durationMs * 0.8))
      const toMs = atMs + 5 * SECOND + random.below(25 * SECOND)
      const turn = (behaviours: readonly string[]): Fault => ({ verb: 'turn', node, behaviours })
      const tricks = random.shuffle(names).slice(0, 1 + random.below(4))
      const faults = [
        { atMs, fault: turn(tricks) },
        { atMs: toMs, fault: turn(QUIET) },
      ]
      this.#add({ fromMs: atMs, toMs, faults })
    }
  }

  /** Two minutes and more in which nothing goes wrong: only then can be told what takes too long. */
  #calmStretch(random: SimRandom): void {
    const { durationMs } = this.#options
    if (durationMs < 8 * CALM_MS) return
    const lastsMs = 4 * CALM_MS + random.below(2 * CALM_MS)
    const fromMs = random.below(durationMs - lastsMs)
    this.#calm.push([fromMs, fromMs + lastsMs])
  }

  /**
   * Who has left and does not know it may be the first that a node meets which has lost its memory, and lets it sign: one voucher
   * is only as good as what it knows. So nobody leaves alive where that is drawn.
   */
  #churn(random: SimRandom, isLossy: boolean): void {
    const joins = random.below(3)
    for (let i = 1; i <= joins; i++) {
      const node = `n${this.#names.length + i}`
      this.#late.push(node)
      this.#once(random, { verb: 'join', node, by: 'n1' })
    }
    const leaver = random.chance(600) ? this.#expendable.pop() : undefined
    if (leaver === undefined) return
    const verb = isLossy ? 'kill' : random.pick(['kill', 'retire', 'revoke'] as const)
    if (verb === 'revoke' && random.chance(700)) this.#revokeUnheard(random, leaver)
    else this.#once(random, { verb, node: leaver })
  }

  /** Those on its side of a split go on taking what it writes, and learn later how much of that counts. */
  #revokeUnheard(random: SimRandom, node: string): void {
    const [founder, ...others] = this.#names.filter(name => name !== node) as [string, ...string[]]
    const beside = random.shuffle(others).slice(0, random.below(others.length + 1))
    const groups = [
      [node, ...beside],
      [founder, ...others.filter(name => !beside.includes(name))],
    ]
    const lastsMs = 5 * SECOND + random.below(40 * SECOND)
    const afterMs = random.below(lastsMs / 2)
    this.#atSomeTime(random, atMs => ({
      fromMs: atMs,
      toMs: atMs + lastsMs,
      faults: [
        { atMs, fault: { verb: 'partition', groups } },
        { atMs: atMs + afterMs, fault: { verb: 'revoke', node } },
        { atMs: atMs + lastsMs, fault: { verb: 'heal' } },
      ],
    }))
  }

  #once(random: SimRandom, fault: Fault): void {
    this.#atSomeTime(random, atMs => ({ fromMs: atMs, toMs: atMs, faults: [{ atMs, fault }] }))
  }

  /** Outside of what must be calm. */
  #atSomeTime(random: SimRandom, episodeAt: (atMs: number) => Episode): void {
    for (let tries = 0; tries < 100; tries++) {
      const atMs = SECOND + random.below(Math.floor(this.#options.durationMs * 0.8))
      if (this.#add(episodeAt(atMs))) return
    }
  }

  /** Two groups, neither empty; half of the time one node alone. */
  #split(random: SimRandom): readonly (readonly string[])[] {
    const names = random.shuffle(this.#names)
    const count = random.chance(300) ? 1 : 1 + random.below(names.length - 1)
    return [names.slice(0, count), names.slice(count)]
  }

  #way(random: SimRandom): Way {
    const [from, to] = random.shuffle(this.#names) as [string, string, ...string[]]
    return { from, to, both: random.chance(500) }
  }
}

interface EpisodeDraft {
  readonly lastsMs: number
  readonly begin: readonly Fault[]
  readonly end: readonly Fault[]
}

/** What a changed quality may have set and the wires did not have before. */
const NO_QUALITY: WireQuality = { loss: 0, duplicates: 0, bytesPerSecond: Infinity, queueBytes: Infinity }

/** They send so much that a run takes twice its time. */
const COSTLY: ReadonlySet<string> = new Set(['flood', 'overrun', 'poison-memory'])
/** What a hostile node goes on with: hostile still, and no work for anybody. */
const QUIET: readonly string[] = ['withhold']

const BLOCKED = ['sync.run', 'sync.hello', 'sync.want', 'ipc.call', 'ipc.result', 'sync', 'control'] as const
