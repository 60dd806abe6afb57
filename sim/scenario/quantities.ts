/**
 * Quantities as people write them: `20s`, `5/s`, `64KiB`, `1%`. What is formatted reads back as the same
 * number. Times are exact to the microsecond, which is the resolution of the simulator.
 */
export interface Quantity {
  /** What a reader is told to write. */
  readonly expected: string
  /** @returns undefined when this is none */
  readonly parse: (text: string) => number | undefined
  readonly format: (value: number) => string
}

const MICROSECONDS = { us: 1, ms: 1_000, s: 1_000_000, m: 60_000_000, h: 3_600_000_000 } as const
const NUMBER = '[0-9]+(?:\\.[0-9]+)?(?:e[+-]?[0-9]+)?'

/** Milliseconds: `500us`, `20ms`, `1.5s`, `1m30s`, `2h`. */
export const DURATION: Quantity = {
  expected: 'a duration like 20ms, 10s, 1m30s or 1h',
  parse(text) {
    if (!/^([0-9]+(\.[0-9]+)?(us|ms|s|m|h))+$/.test(text)) return undefined
    let sum = 0
    for (const [, amount, unit] of text.matchAll(/([0-9.]+)(us|ms|s|m|h)/g))
      sum += Number(amount) * MICROSECONDS[unit as keyof typeof MICROSECONDS]
    const us = Math.round(sum)
    return Number.isSafeInteger(us) ? us / 1000 : undefined
  },
  format(ms) {
    const us = Math.round(ms * 1000)
    const unit = (['h', 'm', 's', 'ms'] as const).find(unit => us !== 0 && us % MICROSECONDS[unit] === 0) ?? (us === 0 ? 'ms' : 'us')
    return `${us / MICROSECONDS[unit]}${unit}`
  },
}

/** Milliseconds with a sign: `+1h`, `-200ms`. */
export const STEP: Quantity = {
  expected: 'a step in time like +1h or -200ms',
  parse(text) {
    const ms = DURATION.parse(text.replace(/^[+-]/, ''))
    return ms === undefined || !text.startsWith('-') ? ms : 0 - ms
  },
  format: ms => `${ms < 0 ? '-' : '+'}${DURATION.format(Math.abs(ms))}`,
}

/** How often per second: `5/s`, `30/m`, `10/h`. */
export const RATE: Quantity = {
  expected: 'a rate like 5/s or 30/m',
  parse(text) {
    const [, amount, unit] = new RegExp(`^(${NUMBER})/(s|m|h)$`).exec(text) ?? []
    return amount === undefined ? undefined : positive(Number(amount) / SECONDS[unit as keyof typeof SECONDS])
  },
  format(perSecond) {
    const unit = (['s', 'm', 'h'] as const).find(unit => Math.round(perSecond * SECONDS[unit]) / SECONDS[unit] === perSecond)
    return unit === undefined ? `${perSecond}/s` : `${Math.round(perSecond * SECONDS[unit])}/${unit}`
  },
}
const SECONDS = { s: 1, m: 60, h: 3_600 } as const

/** From 0 to 1: `5%` or `0.05`. */
export const SHARE: Quantity = {
  expected: 'a share like 5% or 0.05, from 0 to 1',
  parse(text) {
    const [, amount, percent] = new RegExp(`^(${NUMBER})(%?)$`).exec(text) ?? []
    const share = amount === undefined ? NaN : Number(amount) / (percent === '%' ? 100 : 1)
    return share >= 0 && share <= 1 ? share : undefined
  },
  format(share) {
    const percent = Math.round(share * 100_000) / 1000
    return percent / 100 === share ? `${percent}%` : String(share)
  },
}

const BYTES = { B: 1, KiB: 1024, MiB: 1024 * 1024 } as const

/** Bytes: `512B`, `64KiB`, `1MiB`. */
export const SIZE: Quantity = {
  expected: 'a size like 512B, 64KiB or 1MiB',
  parse(text) {
    const [, amount, unit] = /^([0-9]+(?:\.[0-9]+)?)(B|KiB|MiB)$/.exec(text) ?? []
    const bytes = Math.round(Number(amount) * BYTES[unit as keyof typeof BYTES])
    return Number.isSafeInteger(bytes) ? bytes : undefined
  },
  format(bytes) {
    const unit = (['MiB', 'KiB'] as const).find(unit => bytes !== 0 && bytes % BYTES[unit] === 0) ?? 'B'
    return `${bytes / BYTES[unit]}${unit}`
  },
}

/** Bytes per second: `64KiB/s`. */
export const BANDWIDTH: Quantity = {
  expected: 'a bandwidth like 64KiB/s',
  parse(text) {
    const bytes = text.endsWith('/s') ? SIZE.parse(text.slice(0, -2)) : undefined
    return bytes === undefined ? undefined : positive(bytes)
  },
  format: bytes => `${SIZE.format(bytes)}/s`,
}

/** Parts per million that a clock runs fast, or with a minus slow: `500ppm`. */
export const DRIFT: Quantity = {
  expected: 'a drift like 500ppm or -200ppm',
  parse(text) {
    const [, amount] = new RegExp(`^([+-]?${NUMBER})ppm$`).exec(text) ?? []
    return amount === undefined ? undefined : Number(amount) + 0
  },
  format: ppm => `${ppm}ppm`,
}

/** How many times: `20`, `1.5`. */
export const FACTOR: Quantity = {
  expected: 'a number like 20',
  parse: text => (new RegExp(`^${NUMBER}$`).test(text) ? positive(Number(text)) : undefined),
  format: factor => String(factor),
}

/** A whole number from 0. */
export const COUNT: Quantity = {
  expected: 'a whole number like 3',
  parse: text => (/^[0-9]+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined),
  format: count => String(count),
}

function positive(value: number): number | undefined {
  return value > 0 && Number.isFinite(value) ? value : undefined
}
