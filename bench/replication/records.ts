/** 4,096 words of three syllables, so that an index of words has something to do. */
const SYLLABLES = ['ba', 'de', 'fi', 'go', 'hu', 'ka', 'le', 'mi', 'no', 'pu', 'ra', 'se', 'ti', 'vo', 'wu', 'za'] as const

/** So many texts of 200 bytes, no two alike; the same for the same seed. */
export function textsFrom(seed: number, count: number): string[] {
  let state = seed >>> 0
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 20
  }
  const word = (): string => {
    const at = next()
    return `${SYLLABLES[at >> 8]}${SYLLABLES[(at >> 4) & 15]}${SYLLABLES[at & 15]}`
  }
  return Array.from({ length: count }, (_, i) => {
    let text = `agent ${seed} learned fact ${i}:`
    while (text.length < 200) text += ` ${word()}`
    return text.slice(0, 200)
  })
}
