import { WeftError } from '../../base/errors.ts'
import { isSpace } from '../../base/ids.ts'

/**
 * Whether there is such a space only the node knows, and it may come to be later; what can be no name of one is said at
 * the start, where a person sees it, and not to the model, call by call.
 */
export function requireSpaceName(space: string | undefined): void {
  if (space === undefined || isSpace(space)) return
  throw new WeftError('usage', `no space can be called ${JSON.stringify(space)}: a name is 1 to 64 of a-z 0-9 . _ -`, {
    next: 'see --space and WEFT_SPACE',
  })
}
