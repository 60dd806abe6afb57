import type { Buggify, BuggifySite } from '../base/buggify.ts'
import type { SimRandom } from './random.ts'

/**
 * The rare branches of one life of one node: sites that are switched on fire on a quarter of their visits
 * (FoundationDB's measure), each of its own draw.
 *
 * @param on names of sites
 * @param onFirst told when a site fires for the first time
 */
export function buggifyOf(random: SimRandom, on: readonly string[], onFirst: (site: BuggifySite) => void): Buggify {
  const sites: ReadonlySet<string> = new Set(on)
  const fired = new Set<BuggifySite>()
  return site => {
    if (!sites.has(site) || !random.chance(250)) return false
    if (!fired.has(site)) {
      fired.add(site)
      onFirst(site)
    }
    return true
  }
}
